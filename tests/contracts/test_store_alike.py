"""Whatever happens, in whatever order: all stores give the same answers."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.adapters.storage.postgres.store import PostgresStore
from consent_sync.adapters.storage.sqlite import SqliteStore
from consent_sync.domain.errors import AbsentError
from consent_sync.domain.moments import SECOND
from consent_sync.ports.store import Settlement, Sight, Store, Summary, Turn
from tests.contracts.postgres_kit import HandDatabase
from tests.contracts.store_kit import HandClock, event, hint, record, state, subject, write

PEOPLE = ("ada", "ben", "eve")

arrivals = st.lists(
    st.tuples(st.sampled_from("abc"), st.sets(st.sampled_from(PEOPLE), max_size=2), st.booleans()),
    min_size=1,
    max_size=3,
)
# A turn by its place among the claimed ones, how many of its items it finishes (None: all), to
# whom it moves the rest, and in how many seconds it comes again.
endings = st.tuples(
    st.integers(0, 2),
    st.sampled_from([None, 0, 1]),
    st.sampled_from([None, *PEOPLE]),
    st.sampled_from([None, 0, 3]),
)
steps = st.one_of(
    st.tuples(st.just("accept"), arrivals),
    st.tuples(st.just("claim"), st.none()),
    st.tuples(st.just("settle"), endings),
    st.tuples(st.just("announce"), st.tuples(st.integers(0, 2), st.booleans())),
    st.tuples(st.just("release"), st.integers(0, 2)),
    st.tuples(st.just("replay"), st.tuples(st.integers(1, 5), st.sampled_from(PEOPLE))),
    st.tuples(st.just("advance"), st.integers(1, 4)),
    st.tuples(st.just("restart"), st.none()),
)


class Run:
    """One store going through the steps."""

    def __init__(self, new: Callable[[], Store], clock: HandClock) -> None:
        self._new = new
        self._clock = clock
        self._store = new()
        self._turns: list[Turn] = []

    async def start(self) -> None:
        await self._store.open()

    async def end(self) -> None:
        await self._store.close()

    async def step(self, name: str, how: Any) -> object:
        act: Callable[[Any], Awaitable[object]] = getattr(self, name)
        return await act(how)

    async def accept(self, how: list[tuple[str, set[str], bool]]) -> object:
        at = self._clock.now()
        return list(
            await self._store.accept(
                [
                    (hint if repeatable else event)(text, *sorted(people), at=at)
                    for text, people, repeatable in how
                ]
            )
        )

    async def claim(self, _: None) -> object:
        turns = sorted(await self._store.claim(9), key=lambda turn: turn.subject)
        self._turns += turns
        return [
            (
                turn.subject,
                turn.state,
                [(i.event.id, i.event.received_at) for i in turn.items],
                turn.in_flight,
                turn.attempts,
            )
            for turn in turns
        ]

    async def settle(self, how: tuple[int, int | None, str | None, int | None]) -> None:
        place, count, target, seconds = how
        if place >= len(self._turns):
            return
        turn = self._turns.pop(place)
        items = [item.id for item in turn.items]
        rest = items[count:] if count is not None else []
        move = target is not None and subject(target) != turn.subject
        now = self._clock.now()
        await self._store.settle(
            Settlement(
                turn.subject,
                state(f"at {now}"),
                record(now),
                tuple(items if count is None else items[:count]),
                tuple((item, subject(target or "")) for item in rest) if move else (),
                None if seconds is None else now + seconds * SECOND,
                turn.attempts + 1 if seconds else 0,
                summary=Summary(len(rest), len(items), now if rest else None),
            )
        )

    async def announce(self, how: tuple[int, bool]) -> None:
        place, seen = how
        if place < len(self._turns):
            now = self._clock.now()
            sight = Sight(state(f"seen {now}"), record(now)) if seen else None
            await self._store.announce(self._turns[place].subject, [write(at=now)], sight)

    async def release(self, place: int) -> None:
        if place < len(self._turns):
            await self._store.release(self._turns.pop(place).subject)

    async def replay(self, how: tuple[int, str]) -> object:
        try:
            await self._store.replay(how[0], [subject(how[1])], self._clock.now())
        except AbsentError as error:
            return str(error)
        return None

    async def advance(self, seconds: int) -> None:
        """The clock is moved for all at once."""

    async def restart(self, _: None) -> None:
        await self._store.close()
        self._store = self._new()
        self._turns = []
        await self._store.open()

    async def seen(self) -> object:
        persons = [subject(name) for name in PEOPLE]
        status = await self._store.status()
        return (
            # After moves and replays a store may name a moment near the oldest one.
            replace(status, oldest_waiting_at=None),
            [await self._store.person(s) for s in persons],
            [list(await self._store.timeline(s, 9)) for s in persons],
            [[i.event for i in await self._store.waiting(s)] for s in persons],
            list(await self._store.events(refused=False, before=None, limit=99)),
            list(await self._store.recent(after=0, limit=99)),
        )


async def go_through(history: list[tuple[str, Any]], folder: Path, database: HandDatabase) -> None:
    clock = HandClock()
    database.follow(clock)
    memory = MemoryStore(clock)
    runs = [
        Run(lambda: memory, clock),
        Run(lambda: SqliteStore(folder / "store.db", clock, page=1), clock),
        Run(lambda: PostgresStore(database.url, clock), clock),
    ]
    for run in runs:
        await run.start()
    try:
        for name, how in [*history, ("claim", None)]:
            if name == "advance":
                clock.advance(how)
            first, *others = [await run.step(name, how) for run in runs]
            assert all(other == first for other in others), name
        first, *others = [await run.seen() for run in runs]
        assert all(other == first for other in others)
    finally:
        for run in runs:
            await run.end()


@settings(max_examples=40, deadline=None)
@given(history=st.lists(steps, min_size=5, max_size=30))
def test_all_stores_are_alike(hand_database: HandDatabase, history: list[tuple[str, Any]]) -> None:
    """Every answer along a history, and everything seen at its end, is the same."""
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(go_through(history, Path(folder), hand_database))
