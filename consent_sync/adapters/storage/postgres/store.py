"""The store in PostgreSQL: any number of replicas work on one database at the same time."""

import secrets
from collections.abc import Callable, Sequence
from typing import Final

from psycopg.rows import TupleRow

from consent_sync.adapters.clock import elapsed_seconds
from consent_sync.adapters.storage.bell import rung
from consent_sync.adapters.storage.codec import encode_record, encode_state, encode_writes
from consent_sync.adapters.storage.postgres.accepting import (
    refused_values,
    replay_values,
    version_values,
)
from consent_sync.adapters.storage.postgres.arrays import bytes_array, integer_array
from consent_sync.adapters.storage.postgres.burying import Gravedigger
from consent_sync.adapters.storage.postgres.claims import begin_writing
from consent_sync.adapters.storage.postgres.compacting import compact
from consent_sync.adapters.storage.postgres.connections import Values, repeated
from consent_sync.adapters.storage.postgres.drawing import Drawing
from consent_sync.adapters.storage.postgres.errors import explained
from consent_sync.adapters.storage.postgres.forgetting import forget
from consent_sync.adapters.storage.postgres.migrate import migrate, refuse_newer
from consent_sync.adapters.storage.postgres.opened import Opened
from consent_sync.adapters.storage.postgres.reading import Looking
from consent_sync.adapters.storage.postgres.settling import End, Start
from consent_sync.adapters.storage.postgres.statements import migrations
from consent_sync.adapters.storage.postgres.taking import Lease
from consent_sync.domain.erasure import Marks
from consent_sync.domain.errors import AbsentError, StoreError
from consent_sync.domain.identity import Subject
from consent_sync.domain.ledger import Write
from consent_sync.domain.moments import SECOND, Micros
from consent_sync.ports.clock import Clock
from consent_sync.ports.graves import Burial, Forgotten, Removed
from consent_sync.ports.quota import Ask, Permits
from consent_sync.ports.store import NewEvent, RefusedRequest, Settlement, Sight, Turn
from consent_sync.ports.versions import MappingVersion

LEASE_SECONDS: Final = 90.0
"""How long a turn of a replica that has died or frozen stays with it."""

POLL_SECONDS: Final = 0.25
"""How soon work is seen that another replica has accepted."""

POLL_SECONDS_WITHOUT_DOOR: Final = 0.05
"""The same where all work comes from others; asking costs both sides less than a millisecond."""

# What a call takes in the queue beside the bodies it carries.
_CALL_BYTES: Final = 500


class PostgresStore(Looking):
    """Keeps the promises of `Store` in one PostgreSQL database, shared with other replicas.

    `queue_calls` and `queue_bytes` bound what waits to be written; above them calls raise
    StoreError at once. `marks` makes the tombstones. `poll_seconds` is how long whoever waits for
    work may not see what another replica accepted.
    """

    def __init__(
        self,
        url: str,
        clock: Clock,
        *,
        queue_calls: int = 10_000,
        queue_bytes: int = 64 * 1024 * 1024,
        lease_seconds: float = LEASE_SECONDS,
        marks: Marks | None = None,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._url = url
        self._clock = clock
        self._bounds = (queue_calls, queue_bytes)
        self._lease_seconds = lease_seconds
        self._marks = marks or Marks()
        self._poll_seconds = poll_seconds
        self._open: Opened | None = None
        super().__init__(_Looks(self._opened))

    # --- life ---

    async def open(self) -> None:
        """Bring the database to our layout and connect; raise StoreError."""
        if self._open is not None:
            raise StoreError("the store is already open")
        await migrate(self._url)
        opened = Opened(self._url, self._bounds, self._lease_seconds, self._marks)
        await opened.start()
        self._open = opened

    async def close(self) -> None:
        """Write what was accepted, give unfinished turns back, and disconnect."""
        opened, self._open = self._open, None
        if opened is not None:
            await opened.stop()

    async def check(self) -> None:
        """Commit something and read; raise StoreError when that does not work."""
        opened = self._opened()
        await opened.work.rows("nothing", {})
        # During an update a newer replica may have made a layout that rules this program out.
        [found] = await opened.look.rows("layout", {})
        refuse_newer((found[0], found[1]), migrations()[-1].number)
        await self.status()

    # --- the door ---

    async def accept(self, events: Sequence[NewEvent]) -> Sequence[bool]:
        """Store all or none of these events; per event true if new."""
        opened = self._opened()
        size = sum([len(event.body) for event in events], _CALL_BYTES)
        return await opened.accepting.submit(events, size)

    async def refuse(self, request: RefusedRequest) -> int:
        """Keep a refused request and return its number."""
        opened = self._opened()
        with explained():
            values = refused_values(request)
        [[number]] = await opened.look.rows("refuse", values)
        return int(number)

    async def replay(self, number: int, subjects: Sequence[Subject], received_at: Micros) -> None:
        """Queue a stored event again; raise AbsentError when there is none of that number."""
        opened = self._opened()
        with explained():
            values = replay_values(number, subjects, received_at, self._marks)
        [[found]] = await opened.look.rows("replay", values)
        if not found:
            raise AbsentError(f"there is no event number {number}")
        opened.bell.set()

    # --- the work ---

    async def claim(self, limit: int, *, hurried: bool = False) -> Sequence[Turn]:
        """Return up to `limit` turns that are due, the urgent ones first."""
        opened = self._opened()
        asked_at = elapsed_seconds()
        # Chosen here, so that two claims never share it, whatever is restored or made anew.
        fence = secrets.randbits(63)
        lease = Lease(fence, asked_at + self._lease_seconds, self._lease_seconds)
        found = await opened.taking.turns(limit, lease, hurried=hurried)
        for claim, _ in found:
            opened.claims.add(claim)
        return [turn for _, turn in found]

    async def wait(self, timeout_seconds: float) -> None:
        """Return when something may be due: at the latest after the timeout or `poll_seconds`."""
        opened = self._opened()
        opened.bell.clear()
        [[micros]] = await opened.look.rows("next_due", {})
        seconds = min(timeout_seconds, self._poll_seconds)
        if micros is not None:
            seconds = min(seconds, micros / SECOND)
        if seconds <= 0:
            return
        await rung(opened.bell, self._clock, seconds)

    async def announce(
        self, subject: Subject, writes: Sequence[Write], sight: Sight | None = None
    ) -> None:
        """Remember writes that are about to be sent, and what led to them."""
        opened = self._opened()
        claim = opened.claims.of(subject)
        start = Start(
            claim,
            encode_writes(writes),
            encode_state(sight.state) if sight is not None else None,
            encode_record(sight.record) if sight is not None else None,
        )
        size = len(start.writes) + len(start.state or b"") + len(start.record or b"")
        await opened.announcing.submit(start, size + _CALL_BYTES)
        claim.writes.append(start.writes)
        begin_writing(claim)

    async def settle(self, settlement: Settlement) -> None:
        """Record the end of a turn; on StoreError it stays claimed, unless its lease was lost."""
        opened = self._opened()
        claim = opened.claim_to_end(settlement)
        due_at = settlement.due_at
        end = End(
            claim,
            settlement,
            encode_state(settlement.state),
            encode_record(settlement.record) if settlement.record is not None else None,
            None if due_at is None else due_at - self._clock.now(),
        )
        size = len(end.state) + len(end.record or b"") + _CALL_BYTES
        settled = opened.settling.submit(end, size)
        claim.ending = True
        settled.add_done_callback(lambda future: opened.ended(claim, future))
        await settled

    async def release(self, subject: Subject) -> None:
        """Give an untouched turn back, due at once; while its end is written, if that fails."""
        opened = self._opened()
        claim = opened.claims.of(subject)
        if claim.ending:
            claim.left = True
            return
        await opened.keeper.release(claim)
        opened.bell.set()

    async def hurry(self, limit: int) -> int:
        """Let up to `limit` turns that failed or wait come at once; return how many."""
        opened = self._opened()
        number = len(await opened.look.rows("hurry_waiting", {"limit": limit}))
        opened.bell.set()
        return number

    # --- what the platforms allow ---

    async def draw(self, ask: Ask) -> Permits:
        """Return a fair share of the calls that an account has left."""
        opened = self._opened()
        return await Drawing(opened.look, opened.replica).draw(ask)

    # --- the versions of mappings ---

    async def keep_versions(self, versions: Sequence[MappingVersion]) -> None:
        """Keep all or none of these, unless another replica has just kept them."""
        opened = self._opened()
        with explained():
            values = version_values(versions)
        await opened.look.rows("keep_versions", values)

    # --- the erased ---

    async def bury(self, burial: Burial) -> Removed:
        """Keep tombstones and remove these persons; their turns under way cannot be recorded."""
        opened = self._opened()
        return await Gravedigger(opened.look).bury(burial)

    async def lift(self, marks: Sequence[bytes], at: Micros) -> int:
        """Let whoever has these tombstones come back; return how many were in force."""
        values = {"marks": bytes_array(marks), "at": at}
        return len(await self._opened().look.rows("lift", values))

    async def cleared(self, marks: Sequence[bytes], at: Micros) -> None:
        """Note that nothing is left of whoever has these tombstones."""
        values = {"marks": bytes_array(marks), "at": at}
        await self._opened().look.rows("clear_tombstones", values)

    async def scrub(self, numbers: Sequence[int]) -> int:
        """Remove the content of these events where no turn waits for it; return of how many."""
        values = {"events": integer_array(numbers)}
        return len(await self._opened().look.rows("scrub_events", values))

    async def fade(self, after: int, received_before: Micros, limit: int) -> int | None:
        """Remove the content of the next old events; return how far that came, None at the end."""
        values = {"after": after, "before": received_before, "limit": limit}
        [[last]] = await self._opened().look.rows("fade_events", values)
        return None if last is None else int(last)

    async def compact(self, subject: Subject, before: Micros) -> int:
        """Put a checkpoint in the place of a person's old records; return how many went."""
        return await compact(self._opened().look, subject, before)

    async def forget(self, after: int, before: Micros, limit: int) -> Forgotten | None:
        """Forget who the quiet among the next people are; return how far that came."""
        return await forget(self._opened().look, after, before, limit)

    # --- the board ---

    async def pin(self, name: str, version: int, body: bytes) -> bool:
        """Write where it still has this version; say whether it had."""
        values = {"name": name, "version": version, "body": body}
        return bool(await self._opened().look.rows("pin_notice", values))

    async def lead(self, name: str, holder: str, seconds: float) -> bool:
        """Take or keep the work of this name for so long; false while another replica has it."""
        values = {"name": name, "holder": holder, "lease": round(seconds * SECOND)}
        return bool(await self._opened().look.rows("lead", values))

    async def resign(self, name: str, holder: str) -> None:
        """Leave the work of this name to whoever takes it next."""
        await self._opened().look.rows("resign", {"name": name, "holder": holder})

    # --- parts ---

    def _opened(self) -> Opened:
        if self._open is None:
            raise StoreError("the store is not open")
        return self._open


class _Looks:
    """Looks around on connections of their own."""

    def __init__(self, opened: Callable[[], Opened]) -> None:
        self._opened = opened

    async def several(self, asked: Sequence[tuple[str, Values]]) -> list[list[TupleRow]]:
        # Looking twice does no harm, and the first of two after a restart finds a dead connection.
        look = self._opened().look
        return await repeated(lambda: look.several(asked), twice=True)
