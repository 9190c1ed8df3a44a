"""The watch: kept before it is told, told once, by one replica, through outages of everybody."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.domain.alerts import Trouble
from consent_sync.domain.errors import StoreError, TemporaryError
from consent_sync.ports.messenger import Message
from consent_sync.ports.store import StoreStatus
from consent_sync.services import alerting
from consent_sync.services.alert_conditions import STORE_DOWN, Facts
from consent_sync.services.alerting import NAME, Round, Watch, read_book
from tests.doubles.clock import EvenChance, SettableClock

WELL = StoreStatus({}, 0, 0, None, None, 0, 0, 0)


@dataclass
class Receivers:
    """Invented receivers, some of them away."""

    names: list[str] = field(default_factory=lambda: ["ops"])
    away: set[str] = field(default_factory=set)
    frozen: set[str] = field(default_factory=set)
    got: list[tuple[str, Message]] = field(default_factory=list)

    @property
    def receivers(self) -> Sequence[str]:
        return self.names

    async def tell(self, receiver: str, message: Message) -> None:
        if receiver in self.away:
            raise TemporaryError("nobody there")
        if receiver in self.frozen:
            await asyncio.Event().wait()
        self.got.append((receiver, message))

    def heard(self, receiver: str = "ops") -> list[tuple[str, bool]]:
        return [(m.alert.name, m.alert.raised) for name, m in self.got if name == receiver]


class Board(MemoryStore):
    """A board that others may have written on in between."""

    overtaken = False

    async def pin(self, name: str, version: int, body: bytes) -> bool:
        return False if self.overtaken else await super().pin(name, version, body)


class House:
    """Replicas around one board; what is wrong is put into `wrong`."""

    def __init__(self) -> None:
        self.clock = SettableClock()
        self.board = Board(self.clock)
        self.receivers = Receivers()
        self.wrong: list[Trouble] | None = []

    def watch(self, holder: str = "first") -> Watch:
        conditions = {STORE_DOWN: lambda _: (), "side_silent": lambda _: self.wrong}
        return Watch(self.board, self.receivers, self.clock, EvenChance(), conditions, holder)

    async def round(self, watch: Watch, *, seconds: float = 30, store: bool = True) -> Round:
        self.clock.advance(seconds)
        return await watch.round(Facts(now=self.clock.now(), status=WELL if store else None))


@pytest.fixture
async def house() -> House:
    house = House()
    await house.board.open()
    return house


SILENT = [Trouble("didomi", "nothing has come")]
RAISED, CLEARED = ("side_silent", True), ("side_silent", False)


async def test_a_state_is_told_once(house: House) -> None:
    """When it begins and when it ends, whatever the number of looks in between."""
    watch = house.watch()
    for wrong in ([], SILENT, SILENT, [], []):
        house.wrong = list(wrong)
        await house.round(watch)

    assert house.receivers.heard() == [RAISED, CLEARED]


async def test_a_restart_neither_repeats_nor_forgets(house: House) -> None:
    """The next process goes on where the last one was, also before it knows everything."""
    house.wrong = SILENT
    await house.round(house.watch("before"))
    after = house.watch("after")
    house.wrong = None
    await house.round(after, seconds=100)
    house.wrong = SILENT
    await house.round(after)
    house.wrong = []
    await house.round(after)

    assert house.receivers.heard() == [RAISED, CLEARED]


async def test_one_replica_tells_for_all(house: House) -> None:
    """The others only follow; the next one takes over when the first is gone."""
    first, second = house.watch("first"), house.watch("second")
    house.wrong = SILENT
    await house.round(first)
    seen = await house.round(second)
    house.wrong = []
    early = await house.round(second)
    late = await house.round(second, seconds=100)

    assert seen.book is not None
    assert [one.raised for one in seen.book.alerts] == [True]
    assert (early.changes, len(late.changes)) == ((), 1)
    assert house.receivers.heard() == [RAISED, CLEARED]


async def test_who_resigns_is_followed_at_once(house: House) -> None:
    """A stop leaves no gap."""
    first = house.watch("first")
    await house.round(first)
    await first.resign()
    house.wrong = SILENT
    await house.round(house.watch("second"), seconds=1)

    assert house.receivers.heard() == [RAISED]


async def test_a_receiver_that_was_away_is_told_later(house: House) -> None:
    """With growing pauses; the others are told at once, and nobody twice."""
    house.receivers.names = ["ops", "pager"]
    house.receivers.away = {"pager"}
    watch = house.watch()
    house.wrong = SILENT
    failures = [len((await house.round(watch)).failures) for _ in range(6)]
    house.receivers.away = set()
    await house.round(watch, seconds=900)

    assert failures == [1, 1, 0, 1, 0, 0]
    assert house.receivers.heard("ops") == house.receivers.heard("pager") == [RAISED]


async def test_a_frozen_receiver_keeps_nobody_waiting(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are told, and the round ends."""
    monkeypatch.setattr(alerting, "TELL_SECONDS", 0.02)
    house.receivers.names, house.receivers.frozen = ["ops", "frozen"], {"frozen"}
    house.wrong = SILENT
    await house.round(house.watch())

    assert house.receivers.heard() == [RAISED]


async def test_the_same_change_has_the_same_id(house: House) -> None:
    """Also where a receiver took it and nobody could write that down."""
    house.wrong = SILENT
    await house.round(house.watch("first"))
    version, body = await house.board.notice(NAME)
    await house.board.pin(NAME, version, body.replace(b'"told": {"ops": 1}', b'"told": {}'))
    await house.round(house.watch("second"), seconds=100)
    [(_, one), (_, again)] = house.receivers.got

    assert one.id == again.id
    assert one.id.startswith("msg_")


async def test_who_was_overtaken_tells_nothing(house: House) -> None:
    """It looks again in the next round."""
    watch = house.watch()
    await house.round(watch)
    house.wrong, house.board.overtaken = SILENT, True
    nothing = await house.round(watch)
    house.board.overtaken = False
    await house.round(watch)

    assert nothing.changes == ()
    assert house.receivers.heard() == [RAISED]


async def test_a_store_that_is_away_is_told_without_it(house: House) -> None:
    """Not at once, because a restart of it is none; and its return is told, too."""
    watch = house.watch()
    await house.round(watch)
    silent = [await house.round(watch, store=False) for _ in range(2)]
    told = [await house.round(watch, store=False) for _ in range(3)]
    before = house.receivers.heard()
    back = await house.round(watch)

    assert [one.changes for one in silent] == [(), ()]
    assert [len(one.changes) for one in told] == [1, 0, 0]
    assert before == [(STORE_DOWN, True)]
    assert house.receivers.heard() == [(STORE_DOWN, True), (STORE_DOWN, False)]
    assert [one.raised for one in back.changes] == [False]


async def test_a_follower_that_told_of_an_outage_has_it_cleared(house: House) -> None:
    """It writes down what it told, and whoever watches clears it."""
    first, second = house.watch("first"), house.watch("second")
    await house.round(first)
    await house.round(second)
    for _ in range(4):
        await house.round(second, store=False)
    await house.round(first, seconds=1)
    await house.round(second, seconds=1)
    await house.round(first, seconds=1)

    assert house.receivers.heard() == [(STORE_DOWN, True), (STORE_DOWN, False)]


async def test_all_replicas_tell_of_an_outage_under_one_id(house: House) -> None:
    """Nobody can agree without the store, so receivers keep them apart by the id."""
    watches = [house.watch("first"), house.watch("second")]
    for watch in watches:
        await house.round(watch)
    for _ in range(3):
        for watch in watches:
            await house.round(watch, store=False)
    for watch in watches * 2:
        await house.round(watch, seconds=1)
    ids = {message.id for _, message in house.receivers.got if message.alert.raised}

    assert len(ids) == 1
    assert house.receivers.heard()[-1] == (STORE_DOWN, False)


async def test_an_outage_known_already_is_not_raised_again(house: House) -> None:
    """The store may go again before anybody wrote that it was back."""
    watch = house.watch()
    await house.round(watch)
    for _ in range(4):
        await house.round(watch, store=False)
    await house.board.close()
    with_store = await house.round(watch)

    assert with_store.book is not None
    assert house.receivers.heard() == [(STORE_DOWN, True)]


async def test_before_the_first_look_nothing_is_known(house: House) -> None:
    """A process that has never read the board tells nothing."""
    watch = house.watch()
    rounds = [await house.round(watch, store=False) for _ in range(5)]

    assert {one.book for one in rounds} == {None}
    assert house.receivers.got == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"alerts": [{"new": 1}]}', b'{"alerts": []}'])
async def test_a_book_that_cannot_be_read_begins_anew(house: House, body: bytes) -> None:
    """Better told twice than never."""
    await house.board.pin(NAME, 0, body)
    house.wrong = SILENT
    await house.round(house.watch())
    book = read_book((await house.board.notice(NAME)).body)

    assert house.receivers.heard() == [RAISED]
    assert book is not None
    assert book.alerts[0].raised


async def test_a_store_that_fails_after_telling_tells_again_under_the_same_id(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was told cannot be written down; the receiver knows it by its id."""
    watch, pins = house.watch(), 0
    await house.round(watch)
    house.wrong = SILENT
    whole = house.board.pin

    async def fails_at_the_second(name: str, version: int, body: bytes) -> bool:
        nonlocal pins
        pins += 1
        if pins == 2:
            raise StoreError("the disk is full")
        return await whole(name, version, body)

    monkeypatch.setattr(house.board, "pin", fails_at_the_second)
    await house.round(watch)
    await house.round(watch)

    assert len({message.id for _, message in house.receivers.got}) == 1
    assert house.receivers.heard() == [RAISED, RAISED]
