"""Makes databases that have been in use for long, through the store itself.

Per person: one opt-out, settled as a real turn settles it, and the echo that confirmed it.
"""

import asyncio
import gc
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from shutil import copyfile
from typing import Final, cast

from bench.people import body, ouid, template
from bench.processes import ROOT
from consent_sync.adapters.actito.webhook import ActitoReceiver
from consent_sync.adapters.clock import SystemChance, SystemClock
from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.adapters.mapping_files import MappingFolder
from consent_sync.adapters.metrics import Metrics
from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.adapters.storage.sqlite import SqliteStore
from consent_sync.domain.identity import Names, Side, Subject
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import HOUR
from consent_sync.domain.profile import ProfileChange
from consent_sync.domain.retry import RetryPolicy
from consent_sync.domain.rules import Rules
from consent_sync.ports.clock import Clock
from consent_sync.ports.platforms import ConsentPlatform, ProfilePlatform
from consent_sync.ports.store import NewEvent, Settlement, Store, Turn
from consent_sync.services.intake import Intake
from consent_sync.services.profiles import ProfileIndex
from consent_sync.services.synchronise import Synchroniser

RUN: Final = "600d0000"
MAPPING: Final = "brand-a"
_AT_ONCE: Final = 1_000
_DAY: Final = 24 * HOUR
_PROFILE: Final = "1001"
_ECHO: Final = b'{"tableId":"21","data":{"profileId":"1001","Newsletter":"false"}}'


@dataclass(frozen=True, slots=True)
class Databases:
    """The files: long in use and quiet; as many events waiting; a hundredth of them waiting."""

    grown: Path
    backlog: Path
    small: Path


def databases(folder: Path, people: int) -> Databases:
    """Return the files of a folder for so many people; their names change with the layout."""
    sql = sorted((ROOT / "consent_sync/adapters/storage/sql/sqlite").glob("[0-9]*.sql"))
    layout = blake2b(b"".join(file.read_bytes() for file in sql), digest_size=4).hexdigest()
    return Databases(
        *(folder / f"{name}-{people}-{layout}.db" for name in ("grown", "backlog", "small"))
    )


def make(folder: Path, people: int) -> Databases:
    """Make the files that are not there yet; takes minutes for a million people."""
    folder.mkdir(parents=True, exist_ok=True)
    files = databases(folder, people)
    for file, waiting in ((files.small, people // 100), (files.backlog, people)):
        if not file.exists():
            unfinished = file.with_suffix(".part")
            asyncio.run(wait(SqliteStore(unfinished, SystemClock()), waiting))
            unfinished.rename(file)
    if not files.grown.exists():
        unfinished = files.grown.with_suffix(".part")
        copyfile(files.backlog, unfinished)
        asyncio.run(_settle(unfinished, people))
        unfinished.rename(files.grown)
    return files


class _Profiles:
    """An Actito that takes everything; only `update` is called by opt-outs."""

    async def update(
        self, mapping: Mapping, key: str, change: ProfileChange, *, after_look: bool
    ) -> str:
        return _PROFILE


class _Noting(MemoryStore):
    """Remembers what was settled."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.settlements: list[Settlement] = []

    async def settle(self, settlement: Settlement) -> None:
        """Record the end of a turn, and remember it."""
        self.settlements.append(settlement)
        await super().settle(settlement)


async def _examples() -> tuple[Settlement, Settlement]:
    """Return what real turns settle: an opt-out, and the echo of its write."""
    clock, index = SystemClock(), ProfileIndex()
    didomi, actito, store = DidomiReceiver(), ActitoReceiver(), _Noting(clock)
    mappings = MappingFolder(ROOT / "mappings", clock)
    mappings.load()
    await store.open()
    intake = Intake(store, mappings, didomi, actito, clock, index)
    synchroniser = Synchroniser(
        mappings=mappings,
        profiles=cast(ProfilePlatform, _Profiles()),
        consents=cast(ConsentPlatform, None),
        store=store,
        didomi=didomi,
        actito=actito,
        clock=clock,
        chance=SystemChance(),
        rules=Rules(),
        retry=RetryPolicy(),
        index=index,
        observer=Metrics("0"),
    )
    await intake.accept_didomi(body(template(RUN), 0))
    for turn in await store.claim(1):
        await synchroniser.take(turn)
    await intake.accept_actito(MAPPING, _ECHO)
    for turn in await store.claim(1):
        await synchroniser.take(turn)
    optout, echo = store.settlements
    return optout, echo


async def wait(store: Store, people: int) -> None:
    """Let one opt-out of everybody wait, in the order of their numbers."""
    clock, form = SystemClock(), template(RUN)
    await store.open()
    for start in range(0, people, _AT_ONCE):
        numbers = range(start, min(start + _AT_ONCE, people))
        await store.accept([_event(number, body(form, number), clock.now()) for number in numbers])
    await store.close()


async def _settle(path: Path, people: int) -> None:
    """Take everybody's turn, and a second one for the echo."""
    optout, echo = await _examples()
    store = SqliteStore(path, SystemClock())
    await store.open()
    gc.freeze()
    await _take_all(store, optout)
    clock = SystemClock()
    for start in range(0, people, _AT_ONCE):
        numbers = range(start, min(start + _AT_ONCE, people))
        await store.accept([_event(number, _ECHO, clock.now()) for number in numbers])
        await _take_all(store, echo)
    await store.close()


async def _take_all(store: Store, example: Settlement) -> None:
    while turns := await store.claim(_AT_ONCE):
        await asyncio.gather(*(store.settle(_like(example, turn)) for turn in turns))


def _like(example: Settlement, turn: Turn) -> Settlement:
    """Return a settlement of this turn with the content of the example."""
    person = turn.subject.person
    # A look that is due before everything is made would be a turn of its own.
    due_at = None if example.due_at is None else example.due_at + _DAY
    names = Names(person, person, str(10_000 + turn.items[0].event.id))
    return replace(
        example,
        subject=turn.subject,
        state=replace(example.state, names=names, spellings=(person,)),
        done=tuple(item.id for item in turn.items),
        due_at=due_at,
    )


def _event(number: int, content: bytes, now: int) -> NewEvent:
    return NewEvent(
        source=Side.DIDOMI,
        mapping="",
        type="event.created",
        digest=blake2b(content, digest_size=16, key=b"%d" % number).digest(),
        received_at=now,
        body=content,
        subjects=(Subject(MAPPING, ouid(RUN, number)),),
        repeatable=False,
    )
