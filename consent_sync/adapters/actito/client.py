"""Calls Actito for one account: one token, one pace, and no 404 believed without a second look."""

from collections.abc import Collection
from collections.abc import Mapping as MappingView

from consent_sync.adapters.actito import structure, wire
from consent_sync.adapters.actito.bulk import Bulk, BulkLimits
from consent_sync.adapters.actito.import_count import ImportCount
from consent_sync.adapters.actito.imports import V5OneShot
from consent_sync.adapters.actito.pacing import Pacing, SharedAs
from consent_sync.adapters.actito.settings import ActitoSettings
from consent_sync.adapters.actito.structure import TableCache
from consent_sync.adapters.actito.tokens import Tokens
from consent_sync.adapters.actito.wire import ProfileRoutes, Request, V4Routes
from consent_sync.adapters.actito.witnesses import Witnesses
from consent_sync.adapters.http import Answer, HttpWall, refusal, retry_after
from consent_sync.domain.errors import (
    AbsentError,
    CredentialError,
    TemporaryError,
    UnclearError,
)
from consent_sync.domain.events import ProfileMissing, ProfileReading
from consent_sync.domain.hooks import WebhookRegistration
from consent_sync.domain.identity import Names
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import Micros
from consent_sync.domain.profile import ProfileChange, TableStructure
from consent_sync.domain.values import dataclass
from consent_sync.ports.board import Board
from consent_sync.ports.clock import Clock
from consent_sync.ports.quota import Quota

STRUCTURE_SECONDS = 600
PROBE_SECONDS = 30
# Too many calls at once, and no word about how long: the others take seconds at most.
PAUSE_AFTER_429_SECONDS = 1.0
MAX_WEBHOOK_PAGES = 50

_REFUSED = frozenset({401})
_THROTTLED = frozenset({429})


@dataclass(frozen=True, slots=True)
class _Told:
    """An answer, when the request left, and when the answer was there."""

    answer: Answer
    asked_at: Micros
    read_at: Micros


class ActitoClient:
    """One Actito account (ports.platforms.ProfilePlatform).

    Share one client among all mappings that use the same key: token and pace belong to the key.
    """

    def __init__(
        self,
        wall: HttpWall,
        settings: ActitoSettings,
        clock: Clock,
        routes: ProfileRoutes | None = None,
        quota: Quota | None = None,
        bulk: BulkLimits | None = None,
        board: Board | None = None,
    ) -> None:
        self._wall = wall
        self._settings = settings
        self._clock = clock
        self._routes = routes or V4Routes(settings)
        shared = None if quota is None else SharedAs(quota, settings.account)
        self._pacing = Pacing(settings.calls_per_minute, settings.max_concurrency, clock, shared)
        self.room = self._pacing.room
        limits = bulk or BulkLimits()
        self.bulk = Bulk(
            self._call_beside_pace,
            wall.may_write,
            V5OneShot(settings),
            ImportCount(board, settings.api_url, limits.imports_per_day, clock),
            clock,
            limits,
        )
        self._tokens = Tokens(self._fetch_token, clock)
        self._tables = TableCache(self._fetch_tables, clock)
        self._witnesses = Witnesses()

    async def read_by_key(self, mapping: Mapping, key: str) -> ProfileReading | ProfileMissing:
        """Read one profile by the mapping's unique key; ProfileMissing only when confirmed."""
        request = self._routes.read_by_key(mapping, key)
        return await self._read(mapping, request, Names(actito_key=key))

    async def read_by_id(
        self, mapping: Mapping, profile_id: str
    ) -> ProfileReading | ProfileMissing:
        """Read one profile by Actito's number; ProfileMissing only when confirmed."""
        request = self._routes.read_by_id(mapping, profile_id)
        return await self._read(mapping, request, Names(profile_id=profile_id))

    async def update(
        self, mapping: Mapping, key: str, change: ProfileChange, *, after_look: bool
    ) -> str:
        """Change an existing profile; raise AbsentError when it is confirmed not to exist.

        While many wait, what needs no look goes together with others.
        """
        together = self.bulk.takes(mapping, key, change, after_look=after_look)
        if together and await self.bulk.write(mapping, key, change):
            return ""
        request = self._routes.update(mapping, key, change)
        answer = await self._write(request, urgent=after_look)
        if answer.status != 404:
            return self._written(mapping, key, answer)
        # Seen when reading but not when writing: the right to write is missing, not the profile.
        read, asked = self._routes.read_by_key(mapping, key), Names(actito_key=key)
        if isinstance(await self._read_at_last(mapping, read, asked), ProfileReading):
            raise CredentialError(f"{request.name}: refused (404) though the profile exists")
        raise AbsentError("Actito has no such profile")

    async def create(self, mapping: Mapping, key: str, change: ProfileChange) -> str:
        """Create a profile; raise PermanentError (400, 409) when it exists or is not acceptable."""
        request = self._routes.create(mapping, key, change)
        answer = await self._write(request, urgent=False)
        if answer.status == 404:
            await self._probe(mapping)
            raise CredentialError(f"{request.name}: refused (404) though the table exists")
        return self._written(mapping, key, answer)

    async def delete(self, mapping: Mapping, key: str) -> None:
        """Delete a profile; return when it is gone, also when it was gone before."""
        request = self._routes.delete(mapping, key)
        answer = await self._write(request, urgent=False)
        asked = Names(actito_key=key)
        if answer.status == 404:
            read = self._routes.read_by_key(mapping, key)
            if isinstance(await self._read_at_last(mapping, read, asked), ProfileReading):
                raise CredentialError(f"{request.name}: refused (404) though the profile exists")
        self._witnesses.forget(mapping, asked)

    def room_together(self) -> int:
        """Return how many more opt-outs may be taken because they are written with others."""
        room, beside = self.bulk.room(), self._pacing.room_beside()
        return room if beside is None else min(room, beside)

    def remember(self, mapping: Mapping, names: Names) -> None:
        """Note a profile that is known to exist: what a 404 means is asked of such."""
        self._witnesses.remember(mapping, names)

    async def structure(self, mapping: Mapping) -> TableStructure:
        """Return the table's structure, up to 10 minutes old; raise TemporaryError if not listed."""
        return await self._table(mapping, STRUCTURE_SECONDS)

    async def tables(self, mapping: Mapping) -> MappingView[str, TableStructure]:
        """Return the tables of the mapping's entity by name, asked now; raise TemporaryError."""
        return await self._tables.tables(mapping.entity, 0)

    async def webhooks(
        self, mapping: Mapping, secrets: Collection[str] = ()
    ) -> list[WebhookRegistration]:
        """Return the webhooks that are registered for the mapping's table.

        `secrets` are those we accept, to tell whether the right one is sent.
        """
        table_id = (await self.structure(mapping)).table_id
        found: dict[str, WebhookRegistration] = {}
        for page in range(MAX_WEBHOOK_PAGES):
            request = wire.webhooks_request(self._settings, mapping.entity, table_id, page)
            answer = (await self._call(request)).answer
            ours, listed = structure.read_webhooks(answer, table_id, secrets)
            before = len(found)
            found.update((each.id, each) for each in ours)
            # A platform that ignores the page would bring the same ones for ever.
            if listed == 0 or len(found) == before:
                break
        return list(found.values())

    async def put_webhook(self, mapping: Mapping, hook: wire.Hook, number: str = "") -> None:
        """Register a webhook, or change the one of this number so that it is like that."""
        table_id = (await self.structure(mapping)).table_id
        request = wire.webhook_request(self._settings, mapping.entity, table_id, hook, number)
        await self._write(request, urgent=False)

    async def check(self, entity: str = "") -> None:
        """Return when the key works and sees this entity (or any); raise CredentialError if not."""
        told = await self._call(wire.entities_request(self._settings))
        seen = structure.read_entities(told.answer)
        if (entity and entity not in seen) or not seen:
            names = ", ".join(sorted(seen)) or "none"
            raise CredentialError(f"our key does not see the entity {entity!r}; it sees: {names}")

    async def _read(
        self, mapping: Mapping, request: Request, asked: Names
    ) -> ProfileReading | ProfileMissing:
        told = await self._call(request)
        if told.answer.status == 404:
            return await self._read_at_last(mapping, request, asked)
        return self._reading(mapping, told, asked)

    async def _read_at_last(
        self, mapping: Mapping, request: Request, asked: Names
    ) -> ProfileReading | ProfileMissing:
        """Read a profile that was not found; ProfileMissing only where others are to be seen.

        They are asked for first, because what hid the profile may end before they are.
        """
        await self._look_behind(mapping, asked)
        told = await self._call(request)
        if told.answer.status == 404:
            self._witnesses.forget(mapping, asked)
            return ProfileMissing(told.read_at)
        return self._reading(mapping, told, asked)

    def _reading(self, mapping: Mapping, told: _Told, asked: Names) -> ProfileReading:
        profile = self._routes.profile(told.answer, mapping, asked)
        self._witnesses.remember(mapping, profile.names)
        return ProfileReading(told.asked_at, told.read_at, profile.names, profile.subscriptions)

    def _written(self, mapping: Mapping, key: str, answer: Answer) -> str:
        profile_id = wire.written_profile(answer)
        self.remember(mapping, Names(actito_key=key, profile_id=profile_id))
        return profile_id

    async def _write(self, request: Request, *, urgent: bool) -> Answer:
        answer = (await self._call(request, urgent=urgent)).answer
        if not wire.check_written(answer):
            raise UnclearError(f"{request.name}: a page came instead of an answer")
        return answer

    async def _look_behind(self, mapping: Mapping, asked: Names) -> None:
        """Return when the table can be seen: Actito hides 401 and 403 in a 404."""
        await self._probe(mapping)
        witnesses = self._witnesses.other_than(mapping, asked)
        for names in witnesses:
            request = self._routes.read_by_id(mapping, names.profile_id)
            if (await self._call(request)).answer.status != 404:
                return
        if witnesses:
            raise self._hidden("profiles that were there before are not found either (404)")

    async def _probe(self, mapping: Mapping) -> None:
        await self._table(mapping, PROBE_SECONDS)

    async def _table(self, mapping: Mapping, max_age_seconds: float) -> TableStructure:
        tables = await self._tables.tables(mapping.entity, max_age_seconds)
        if mapping.table not in tables:
            names = ", ".join(sorted(tables)) or "none"
            raise TemporaryError(
                f"the profile table {mapping.table!r} is not to be seen in the entity "
                f"{mapping.entity!r}; to be seen: {names}"
            )
        return tables[mapping.table]

    async def _fetch_tables(self, entity: str) -> dict[str, TableStructure]:
        told = await self._call(wire.tables_request(self._settings, entity))
        if told.answer.status == 404:
            raise self._hidden(f"the profile tables of the entity {entity!r} are not found (404)")
        return structure.read_tables(told.answer)

    def _hidden(self, what: str) -> TemporaryError:
        # An expired token may hide behind a 404 as well; a fresh one costs little.
        self._tokens.drop(self._tokens.current)
        return TemporaryError(f"{what}; the key may have lost its rights")

    async def _fetch_token(self, urgent: bool) -> Answer:
        await self._pacing.wait(urgent=urgent)
        request = wire.token_request(self._settings)
        credentials = self._settings.api_key
        return (await self._send(request, credentials, request.accept, urgent=urgent)).answer

    async def _call_beside_pace(self, request: Request) -> Answer:
        return (await self._call(request, urgent=True)).answer

    async def _call(self, request: Request, *, urgent: bool = False) -> _Told:
        told = await self._call_once(request, urgent=urgent)
        if told.answer.status == 401:
            told = await self._call_once(request, urgent=urgent)
        if told.answer.status == 401:
            raise refusal(told.answer, request.name, write=request.write)
        return told

    async def _call_once(self, request: Request, *, urgent: bool) -> _Told:
        await self._pacing.wait(urgent=urgent)
        token = await self._tokens.get(urgent=urgent)
        accept = request.accept | _REFUSED
        told = await self._send(request, f"Bearer {token}", accept, urgent=urgent)
        if told.answer.status == 401:
            self._tokens.drop(token)
        return told

    async def _send(
        self, request: Request, credentials: str, accept: frozenset[int], *, urgent: bool
    ) -> _Told:
        async with self._pacing.slot(urgent=urgent):
            asked_at = self._clock.now()
            try:
                answer = await self._wall.send(
                    request.method,
                    request.url,
                    headers=_headers(request, credentials),
                    body=request.body,
                    write=request.write,
                    name=request.name,
                    accept=accept | _THROTTLED,
                )
            except TemporaryError as error:
                self._pacing.pause(error.retry_after or 0)
                raise
            read_at = self._clock.now()
        if answer.status == 429:
            self._pacing.pause(retry_after(answer.headers) or PAUSE_AFTER_429_SECONDS)
            raise refusal(answer, request.name, write=request.write)
        return _Told(answer, asked_at, read_at)


def _headers(request: Request, credentials: str) -> dict[str, str]:
    if request.body is None:
        return {"Authorization": credentials}
    return {"Authorization": credentials, "Content-Type": request.content_type}
