"""The real program as a process of its own, between two simulated platforms in the test's process."""

import asyncio
import io
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

from consent_sync.adapters.clock import SystemClock
from consent_sync.adapters.storage.sqlite import SqliteStore
from consent_sync.simulators.actito import DEFAULT_API_KEY, ActitoSimulator
from consent_sync.simulators.didomi import DidomiSimulator, OAuth
from consent_sync.simulators.didomi.merge import Consents
from consent_sync.simulators.didomi.wire import ConsentsBody, EventBody, EventUser

ROOT = Path(__file__).resolve().parents[2]

DIDOMI_SECRET = "didomi-hook-secret-of-forty-characters-01"
ACTITO_SECRET = "actito-hook-secret-of-forty-characters-01"
CLIENT_ID = "didomi-webhook-client"
CLIENT_SECRET = "client-secret:with/signs+of-forty-chars-1"

JSON = {"Content-Type": "application/json"}
AT_DIDOMI = {**JSON, "X-Webhook-Secret": DIDOMI_SECRET}
AT_ACTITO = {**JSON, "X-Webhook-Secret": ACTITO_SECRET}

MAPPING = """\
name: brand-a
contact: privacy@example.com
didomi: {organization_id: acme, regulations: [gdpr]}
actito: {entity_id: acme, table_name: Customers, user_unique_key: customerId}
mappings:
  - id: Newsletter
    value: {channel: email}
  - id: DailyDeals
    value: {purpose: marketing}
  - id: SportNews
    value: {purpose: marketing, preference: topics, option: sport}
  - id: SmsDeals
    value: {purpose: marketing, preference: deals, channel: sms}
  - id: PartnerMail
    value: {purpose: partners}
"""

LINES = ("Newsletter", "DailyDeals", "SportNews", "SmsDeals", "PartnerMail")

SECONDS = 15.0
"""How long an outcome may take before a test gives up; a sound outcome takes a few milliseconds."""

_STEP = 0.005


async def until(
    what: str, holds: Callable[[], bool | Awaitable[bool]], seconds: float = SECONDS
) -> None:
    """Wait until something holds; raises AssertionError naming what did not come about."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        answer = holds()
        if answer if isinstance(answer, bool) else await answer:
            return
        if loop.time() > end:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        await asyncio.sleep(_STEP)


@dataclass(frozen=True)
class Reply:
    """An answer of the service."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Person:
    """One human on both sides: the organisation user id, and the number of the Actito profile."""

    ouid: str
    profile: int = 0


class Service:
    """At most one `consent-sync serve` process at a time, over one folder and one address."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self.folder = folder
        self.database = folder / "data" / "consent-sync.db"
        self.log_file = folder / "log.jsonl"
        self.mappings = folder / "mappings"
        self.address = ""
        self.variables = {
            "LISTEN": "127.0.0.1:0",
            "DATABASE_URL": f"sqlite:///{self.database}",
            "MAPPINGS_DIR": str(self.mappings),
            "LOG_FORMAT": "json",
            **variables,
        }
        self.process: asyncio.subprocess.Process | None = None
        self.options: tuple[str, ...] = ()
        self.before: tuple[str, ...] = ()
        """Words of a command that runs the process, for a test that changes its surroundings."""
        self.mappings.mkdir(exist_ok=True)

    async def start(self, **changed: str) -> None:
        """Start the process, settings changed for good, and wait until it listens."""
        assert self.process is None, "it runs already"
        self.variables.update(changed)
        seen = len(self.output())
        with self.log_file.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.before,
                sys.executable,
                "-m",
                "consent_sync",
                "serve",
                *self.options,
                cwd=self.folder,
                env=self._environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            await until("it listens", lambda: self._listens(seen), 30)
        except AssertionError:
            await self.kill()
            raise
        # The same address next time, so that the platforms find it again.
        self.variables["LISTEN"] = self.address.removeprefix("http://")

    async def stop(self) -> int:
        """Ask it to stop, as a supervisor does, and return the exit code."""
        self._send(signal.SIGTERM)
        return await self._ended(45)

    async def kill(self) -> None:
        """Kill it on the spot, as the kernel or a power cut does."""
        if self.process is not None and self.process.returncode is None:
            self._send(signal.SIGKILL)
        if self.process is not None:
            await self._ended(10)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    def output(self) -> bytes:
        """Return everything that any process of this service has written to its log."""
        return self.log_file.read_bytes() if self.log_file.exists() else b""

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the log entries of this name."""
        entries = (orjson.loads(line) for line in self.output().splitlines() if line[:1] == b"{")
        return [entry for entry in entries if entry.get("event") == name]

    async def command(self, *words: str) -> tuple[int, str]:
        """Run a command beside the service; return its exit code and all that it printed."""
        listening = {"CONSENT_SYNC_LISTEN": URL(self.address).authority}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "consent_sync", *words),
            cwd=self.folder,
            env=self._environment() | listening,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(30):
            printed, _ = await process.communicate()
        return process.returncode or 0, printed.decode()

    @asynccontextmanager
    async def store(self) -> AsyncIterator[SqliteStore]:
        """Open the database of a stopped service."""
        assert self.process is None, "stop the service first"
        store = SqliteStore(self.database, SystemClock())
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    def _environment(self) -> dict[str, str]:
        others = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("CONSENT_SYNC_")
        }
        ours = {f"CONSENT_SYNC_{name}": value for name, value in self.variables.items()}
        return {**others, **ours, "PYTHONPATH": str(ROOT)}

    def _listens(self, seen: int) -> bool:
        assert self.process is not None
        written = self.output()[seen:]
        if self.process.returncode is not None:
            raise AssertionError(f"it ended with {self.process.returncode}: {written.decode()}")
        for line in written.splitlines(keepends=True):
            if b'"listening"' in line and line.endswith(b"\n"):
                self.address = orjson.loads(line)["address"]
                return True
        return False

    def _send(self, number: signal.Signals) -> None:
        assert self.process is not None, "it does not run"
        self.process.send_signal(number)

    async def _ended(self, seconds: float) -> int:
        assert self.process is not None
        async with asyncio.timeout(seconds):
            code = await self.process.wait()
        self.process = None
        return code


@dataclass
class Town:
    """Both platforms, the service between them, and everybody who lives there."""

    actito: ActitoSimulator
    didomi: DidomiSimulator
    service: Service
    http: aiohttp.ClientSession
    people: dict[str, Person] = field(default_factory=dict)

    # --- people ---

    def person(self, name: str, **held: bool) -> Person:
        """Seed somebody who is known on both sides and holds the same there, silently."""
        ouid = name if "@" in name or not name.isidentifier() else f"{name}@example.com"
        person = Person(ouid, self.profile(ouid, **held))
        self.user(ouid, **held)
        self.people[name] = person
        return person

    def profile(self, ouid: str, **held: bool) -> int:
        """Seed an Actito profile silently and return its number."""
        return self.actito.world.seed({"customerId": ouid}, held).id

    def user(self, ouid: str, **held: bool) -> None:
        """Seed a Didomi user silently."""
        body = ConsentsBody.model_validate(consents(held))
        user = EventUser(organization_user_id=ouid)
        self.didomi.world.post_event(EventBody(user=user, consents=body), silent=True)

    def in_actito(self, person: Person, line: str) -> bool | None:
        """Return what the profile holds; none is "never set"."""
        return self.actito.world.subscriptions(person.profile).get(line)

    def in_didomi(self, person: Person, line: str, regulation: str = "gdpr") -> bool | None:
        """Return what the Didomi user holds; none is "no choice"."""
        users = self.didomi.world.users.of(person.ouid)
        return choice(users[0].statuses.get(regulation, Consents()), line) if users else None

    def both(self, person: Person, line: str) -> tuple[bool | None, bool | None]:
        """Return what Didomi and Actito hold."""
        return self.in_didomi(person, line), self.in_actito(person, line)

    # --- time ---

    async def agree(self, person: Person, line: str, wanted: bool | None) -> None:
        """Wait until both sides hold this choice and everything has come to rest."""
        await self._comes_true(person, line, lambda: self.both(person, line) == (wanted, wanted))

    async def all_agree(self, people: Iterable[Person], line: str, wanted: bool) -> None:
        """Wait until the profiles of all these hold this choice and everything has come to rest."""
        late = list(people)

        def holds() -> bool:
            late[:] = [person for person in late if self.in_actito(person, line) is not wanted]
            return not late

        await until(f"{line} of everybody is {wanted}", holds)
        await self.quiet()

    async def agree_in_actito(self, person: Person, line: str, wanted: bool) -> None:
        """Wait until the profile holds this choice and everything has come to rest."""
        await self._comes_true(person, line, lambda: self.in_actito(person, line) is wanted)

    async def quiet(self, seconds: float = SECONDS, *, retrying: int = 0) -> None:
        """Wait until no webhook and no turn is waiting, except so many that are tried again."""
        same = 0
        before: tuple[int, ...] = ()

        async def rests() -> bool:
            nonlocal same, before
            status = await self.status()
            now = (
                self.actito.sender.waiting,
                self.didomi.sender.waiting,
                max(0, status["waiting_turns"] - retrying),
                self.actito.sender.tally.events,
                self.didomi.sender.attempted,
                len(self.actito.calls),
                len(self.didomi.calls),
            )
            same = same + 1 if now == before and not any(now[:3]) else 0
            before = now
            return same >= 2

        await until("everything rests", rests, seconds)

    async def _comes_true(self, person: Person, line: str, holds: Callable[[], bool]) -> None:
        try:
            await until(f"{line} of {person.ouid!r}", holds)
        except AssertionError as error:
            held = self.both(person, line)
            told = "\n".join(str(entry) for entry in await self.timeline(person))
            raise AssertionError(f"{error}; (Didomi, Actito) hold {held}\n{told}") from None
        await self.quiet()

    # --- the service ---

    async def didomi_says(
        self, body: object, headers: Mapping[str, str] = AT_DIDOMI, path: str = "/webhooks/didomi"
    ) -> Reply:
        """Post to the Didomi webhook."""
        return await self.post(path, body, headers)

    async def actito_says(
        self,
        body: object,
        headers: Mapping[str, str] = AT_ACTITO,
        path: str = "/webhooks/actito/brand-a",
    ) -> Reply:
        """Post to an Actito webhook."""
        return await self.post(path, body, headers)

    async def post(self, path: str, body: object, headers: Mapping[str, str] = JSON) -> Reply:
        """Post bytes as they are, or a value as JSON."""
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        return await self._call("POST", path, data, headers)

    async def get(self, path: str) -> Reply:
        return await self._call("GET", path, None, {})

    async def status(self) -> Any:
        return (await self.get("/api/v1/status")).body

    async def timeline(self, person: Person) -> list[dict[str, Any]]:
        """Return what the service tells of a person, newest first."""
        path = f"/api/v1/persons/{quote(person.ouid, safe='')}/timeline?limit=1000"
        entries: list[dict[str, Any]] = (await self.get(path)).body["entries"]
        return entries

    async def view(self, person: Person, line: str) -> dict[str, Any]:
        """Return what the service knows of a person's line."""
        view = (await self.get(f"/api/v1/persons/{quote(person.ouid, safe='')}")).body
        lines: list[dict[str, Any]] = view["mappings"][0]["lines"]
        return next(one for one in lines if one["line"] == line)

    async def verdicts(self, person: Person, line: str | None = None) -> list[str]:
        """Return the verdicts about a line, or about what was received, newest first."""
        kinds = ("received",) if line is None else ("decided", "failed")
        return [
            entry["verdict"]
            for entry in await self.timeline(person)
            if entry["kind"] in kinds and (line is None or entry["line"] == line)
        ]

    async def refused(self) -> int:
        """Return how many requests were refused and kept."""
        sides = (await self.status())["sides"]
        return sum(side["refused"] for side in sides.values())

    async def _call(
        self, method: str, path: str, data: bytes | None, headers: Mapping[str, str]
    ) -> Reply:
        url = URL(self.service.address + path, encoded=True)
        body = None if data is None else io.BytesIO(data)
        async with self.http.request(method, url, data=body, headers=headers) as response:
            return Reply(response.status, dict(response.headers), await response.text())

    # --- the platforms ---

    def calls(self) -> Counter[str]:
        """Count the platform calls since the last `forget`, those for tokens left out."""
        found = Counter({f"actito {name}": n for name, n in self.actito.calls.counters.items()})
        found.update({f"didomi {name}": n for name, n in self.didomi.calls.counts.items()})
        for name in ("actito token", "didomi sessions.create"):
            found.pop(name, None)
        return found

    def forget(self) -> None:
        """Forget the calls so far."""
        self.actito.calls.clear()
        self.didomi.calls.clear()

    def connect(self, *, oauth: bool = False, bulk: bool = False) -> None:
        """Register the webhooks of both platforms at the service's address."""
        address, headers = self.service.address, {"X-Webhook-Secret": DIDOMI_SECRET}
        credentials = OAuth(
            token_url=f"{address}/oauth/token", client_id=CLIENT_ID, client_secret=CLIENT_SECRET
        )
        self.didomi.connect_webhook(
            f"{address}/webhooks/didomi",
            headers={} if oauth else headers,
            oauth=credentials if oauth else None,
        )
        for kind in ("CREATE", "UPDATE", "UPDATED_SUBSCRIPTION", "DELETE"):
            self.actito.register_webhook(
                f"{address}/webhooks/actito/brand-a",
                kind,
                headers={"X-Webhook-Secret": ACTITO_SECRET},
                webhookPushType="BULK" if bulk else "ONE_BY_ONE",
            )

    # --- discretion ---

    def secrets(self) -> set[str]:
        """Return every secret that goes through the service: keys, tokens, webhook secrets."""
        return {
            self.actito.api_key,
            "fake-secret-do-not-use",
            DIDOMI_SECRET,
            ACTITO_SECRET,
            CLIENT_SECRET,
        }

    def leaks(self, text: bytes, more: Iterable[str] = ()) -> list[str]:
        """Return the people and secrets that a text names, in plain or percent-encoded."""
        people = [person.ouid for person in self.people.values() if len(person.ouid) > 5]
        words = {*people, *self.secrets(), *more}
        spelled = {spelling: word for word in words for spelling in (word, quote(word, safe=""))}
        return sorted({word for spelling, word in spelled.items() if spelling.encode() in text})


def consents(held: Mapping[str, bool]) -> dict[str, Any]:
    """Return Didomi's `consents` for lines of the mapping."""
    found: dict[str, Any] = {}
    purposes: dict[str, dict[str, Any]] = {}
    for line, enabled in held.items():
        if line == "Newsletter":
            found["channels"] = [{"id": "email", "enabled": enabled}]
        elif line == "PartnerMail":
            purposes["partners"] = {"id": "partners", "enabled": enabled}
        else:
            marketing = purposes.setdefault("marketing", {"id": "marketing"})
            if line == "DailyDeals":
                marketing["enabled"] = enabled
            elif line == "SportNews":
                marketing["values"] = {"topics": {"value": "sport" if enabled else ""}}
            else:
                channels = [{"id": "sms", "enabled": enabled}]
                marketing["preferences"] = [{"id": "deals", "channels": channels}]
    return {**found, **({"purposes": [*purposes.values()]} if purposes else {})}


def choice(held: Consents, line: str) -> bool | None:
    """Return what a Didomi status says on a line of the mapping."""
    if line == "Newsletter":
        return held.channels["email"].enabled if "email" in held.channels else None
    purpose = held.purposes.get("partners" if line == "PartnerMail" else "marketing")
    if purpose is None:
        return None
    if line == "SportNews":
        return "sport" in purpose.values["topics"].values if "topics" in purpose.values else None
    if line == "SmsDeals":
        deals = purpose.preferences.get("deals")
        return deals.channels["sms"].enabled if deals and "sms" in deals.channels else None
    return purpose.enabled


def moment(seconds: float = 0) -> str:
    """Return the moment so many seconds from now as Didomi writes it."""
    at = datetime.now(UTC) + timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def didomi_event(ouid: str, number: str, created_at: str, **held: bool) -> dict[str, Any]:
    """Return the webhook of a consent event as Didomi documents it."""
    entity = {
        "id": number,
        "organization_id": "acme",
        "created_at": created_at,
        "updated_at": created_at,
        "status": "confirmed",
        "regulation": "gdpr",
        "user": {"id": f"device-of-{number}", "organization_user_id": ouid},
        "consents": consents(held),
        "metadata": {},
    }
    return {"type": "event.created", "regulation": "gdpr", "parameters": {"entity": entity}}


@asynccontextmanager
async def town(
    folder: Path,
    *,
    mappings: Mapping[str, str] | None = None,
    actito: Mapping[str, object] | None = None,
    didomi: Mapping[str, object] | None = None,
    world: Mapping[str, object] | None = None,
    actito_keys: Sequence[str] = (DEFAULT_API_KEY,),
    started: bool = True,
    variables: Mapping[str, str] | None = None,
) -> AsyncIterator[Town]:
    """Run everything: both platforms connected, the service listening unless told otherwise."""
    there = ActitoSimulator(
        {
            "calls_per_minute": 0,
            "max_concurrent_calls": 0,
            "webhook_window_ms": 1,
            "webhook_concurrency": 16,
            "webhook_retries": 100,
            "webhook_retry_delay_ms": 50,
            **(actito or {}),
        },
        world=world,
        api_keys=actito_keys,
    )
    here = DidomiSimulator({"time_scale": 0.002, "webhook_concurrency": 8, **(didomi or {})})
    await asyncio.gather(there.start(), here.start())
    service = Service(folder, _variables(there, here, variables or {}))
    for name, text in (mappings or {"brand-a": MAPPING}).items():
        (service.mappings / f"{name}.yaml").write_text(text, encoding="utf-8")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:
        place = Town(there, here, service, http)
        try:
            if started:
                await service.start()
                place.connect()
            yield place
        finally:
            await service.kill()
            await asyncio.gather(there.stop(), here.stop())


def _variables(
    actito: ActitoSimulator, didomi: DidomiSimulator, changed: Mapping[str, str]
) -> dict[str, str]:
    return {
        "DIDOMI_API_URL": didomi.url,
        "DIDOMI_API_KEY": "fake-key-id",
        "DIDOMI_API_SECRET": "fake-secret-do-not-use",
        "DIDOMI_WEBHOOK_SECRETS": DIDOMI_SECRET,
        "ACTITO_API_URL": actito.url,
        "ACTITO_API_KEY": actito.api_key,
        "ACTITO_WEBHOOK_SECRETS": ACTITO_SECRET,
        "ACTITO_CALLS_PER_MINUTE": "0",
        "ACTITO_MAX_CONCURRENCY": "16",
        # Both platforms ask the clock of this machine, and tests click faster than people.
        "CLOCK_TOLERANCE_SECONDS": "0",
        "RETRY_FIRST_DELAY_SECONDS": "0.02",
        "RETRY_MAX_DELAY_SECONDS": "0.1",
        **changed,
    }
