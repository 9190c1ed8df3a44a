"""The worker and the synchroniser on the memory store, with both platforms as small worlds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from consent_sync.domain.consent import Choice
from consent_sync.domain.errors import StoreError
from consent_sync.domain.events import ProfileHint, ProfileMissing, ProfileReading
from consent_sync.domain.identity import Names, Subject, unresolved_person
from consent_sync.domain.ledger import Write
from consent_sync.domain.mapping import Mapping
from consent_sync.ports.store import Settlement, Sight, Turn
from consent_sync.services.profiles import ProfileIndex
from consent_sync.services.worker import Worker
from tests.doubles.mappings import EMAIL
from tests.doubles.platforms import ActitoWorld
from tests.services.shop import ANN, Shop, opened, until


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with opened() as shop:
        yield shop


async def test_a_webhook_with_only_a_profile_number_finds_its_person(shop: Shop) -> None:
    """The profile is read by number, its key names the person, and one reading serves both."""
    shop.actito.click(ANN, "Newsletter", subscribe=False)
    hint = ProfileHint(Names(profile_id="1042"), {"Newsletter": False})
    await shop.receive(hint, unresolved_person("1042"))

    await shop.drain()

    state = await shop.store.person(Subject("brand-a", ANN))
    assert state is not None
    assert state.names.profile_id == "1042"
    assert shop.actito.calls == ["read"]


class Meanwhile:
    """Actito, where something happens between the look and the write of a turn."""

    def __init__(self, actito: ActitoWorld, what: Callable[[], Awaitable[None]]) -> None:
        self._actito = actito
        self._what = what

    async def read_by_key(self, mapping: Mapping, key: str) -> ProfileReading | ProfileMissing:
        seen = await self._actito.read_by_key(mapping, key)
        await self._what()
        return seen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._actito, name)


async def test_a_reading_from_before_our_own_write_is_not_believed_after_it(shop: Shop) -> None:
    """A reading made to find a person is old once that person's turn has written."""
    shop.actito.profiles[ANN].subscriptions["Newsletter"] = False
    shop.didomi.click(ANN, {EMAIL: Choice.GRANTED})
    await shop.receive(shop.didomi.outbox.pop(), ANN)
    [turn] = await shop.store.claim(10)

    async def find_her() -> None:
        hint = ProfileHint(Names(profile_id="1042"), {"Newsletter": False})
        await shop.receive(hint, unresolved_person("1042"))
        [finding] = await shop.store.claim(10)
        await shop.synchroniser.take(finding)

    await replace(shop.synchroniser, profiles=Meanwhile(shop.actito, find_her)).take(turn)
    await shop.drain()

    assert shop.didomi.holds(ANN, EMAIL) is Choice.DENIED
    assert shop.actito.profiles[ANN].subscriptions == {"Newsletter": False}


async def test_a_known_profile_number_needs_no_call_to_find_its_person(shop: Shop) -> None:
    """After a restart the store knows whose profile it is; the echo then costs no call at all."""
    shop.didomi.click(ANN, {EMAIL: Choice.DENIED})
    await shop.receive(shop.didomi.outbox.pop(), ANN)
    await shop.drain()
    shop.actito.calls.clear()
    forgetful = replace(shop.synchroniser, index=ProfileIndex(), fresh={})
    hint = ProfileHint(Names(profile_id="1042"), {"Newsletter": False})
    await shop.receive(hint, unresolved_person("1042"))

    while turns := await shop.store.claim(10):
        for turn in turns:
            await forgetful.take(turn)

    assert shop.actito.calls == []


async def test_a_webhook_about_a_vanished_profile_ends_in_the_ledger(shop: Shop) -> None:
    """A profile number that Actito does not know any more is recorded as nobody."""
    person = unresolved_person("9")
    await shop.receive(ProfileHint(Names(profile_id="9")), person)

    await shop.drain()

    (record,) = await shop.store.timeline(Subject("brand-a", person), 10)
    assert record.entries[0].verdict.value == "no_profile"


async def test_items_of_a_missing_mapping_wait(shop: Shop) -> None:
    """When the mapping file is away nothing is decided; when it is back the choice is applied."""
    away = shop.mappings.in_force.pop("brand-a")
    shop.didomi.click(ANN, {EMAIL: Choice.GRANTED})
    await shop.receive(shop.didomi.outbox.pop(), ANN)
    await shop.drain()

    assert shop.actito.calls == []

    shop.mappings.in_force["brand-a"] = away
    shop.clock.advance(120)
    await shop.drain()

    assert shop.actito.profiles[ANN].subscriptions == {"Newsletter": True}


async def test_the_worker_takes_turns_until_it_is_stopped(shop: Shop) -> None:
    """Items that are there and items that come later are both taken; stop ends it."""
    running = asyncio.create_task(shop.worker.run())
    shop.didomi.click(ANN, {EMAIL: Choice.GRANTED})
    await shop.receive(shop.didomi.outbox.pop(), ANN)
    await until(lambda: bool(shop.actito.profiles[ANN].subscriptions))
    await shop.worker.stop(5)
    await running

    assert shop.worker.alive is False


async def test_a_turn_that_breaks_does_not_break_the_worker(shop: Shop) -> None:
    """An unexpected error is told, and other persons' turns go on."""
    shop.didomi.click(ANN, {EMAIL: Choice.GRANTED})
    await shop.receive(shop.didomi.outbox.pop(), ANN)
    broken = shop.didomi.click("bob@example.com", {EMAIL: Choice.GRANTED})
    await shop.receive(broken, "bob@example.com")
    forget = shop.contents._contents
    del forget[list(forget)[-1]]
    running = asyncio.create_task(shop.worker.run())
    await until(lambda: bool(shop.actito.profiles[ANN].subscriptions and shop.observer.troubles))
    await shop.worker.stop(5)
    await running

    assert shop.observer.troubles[0].startswith("turn:")


# --- trouble -------------------------------------------------------------------------------------


class TroubledTurns:
    """Turns of a store that fails at first; what is given back is noted."""

    def __init__(self, shop: Shop, *, failing: set[str]) -> None:
        self._store = shop.store
        self.failing = failing
        self.released: list[Subject] = []

    def _fail(self, what: str) -> None:
        if what in self.failing:
            self.failing.discard(what)
            raise StoreError("the disk is full")

    async def claim(self, limit: int, *, hurried: bool = False) -> Sequence[Turn]:
        self._fail("claim")
        return await self._store.claim(limit, hurried=hurried)

    async def wait(self, timeout_seconds: float) -> None:
        self._fail("wait")
        await self._store.wait(timeout_seconds)

    async def announce(
        self, subject: Subject, writes: Sequence[Write], sight: Sight | None = None
    ) -> None:
        await self._store.announce(subject, writes, sight)

    async def settle(self, settlement: Settlement) -> None:
        await self._store.settle(settlement)

    async def release(self, subject: Subject) -> None:
        self.released.append(subject)
        self._fail("release")
        await self._store.release(subject)


class NotedTurns(TroubledTurns):
    """Notes what the store is asked, and how many turns each claim brought."""

    def __init__(self, shop: Shop) -> None:
        super().__init__(shop, failing=set())
        self.asked: list[str] = []

    async def claim(self, limit: int, *, hurried: bool = False) -> Sequence[Turn]:
        turns = await super().claim(limit, hurried=hurried)
        self.asked.append(f"{len(turns)} of {limit}")
        return turns

    async def wait(self, timeout_seconds: float) -> None:
        self.asked.append("wait")
        await super().wait(timeout_seconds)


async def test_a_claim_that_found_less_than_it_asked_for_is_not_repeated(shop: Shop) -> None:
    """Nothing more is due then, so the store is asked for more only once something arrived."""
    shop.didomi.click(ANN, {EMAIL: Choice.GRANTED})
    await shop.receive(shop.didomi.outbox.pop(), ANN)
    turns = NotedTurns(shop)
    worker = Worker(turns, shop.synchroniser, 4, shop.observer)
    running = asyncio.create_task(worker.run())
    await until(lambda: bool(shop.actito.profiles[ANN].subscriptions))
    await worker.stop(5)
    await running

    assert turns.asked[:2] == ["1 of 4", "wait"]


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker rests for a millisecond where it would rest for half a second."""
    monkeypatch.setattr("consent_sync.services.worker._AFTER_TROUBLE_SECONDS", 0.001)


@pytest.mark.usefixtures("hasty")
async def test_a_store_in_trouble_does_not_end_the_worker(shop: Shop) -> None:
    """It rests and asks again, whether there is something to do or not."""
    turns = TroubledTurns(shop, failing={"claim", "wait"})
    worker = Worker(turns, shop.synchroniser, 4, shop.observer)
    running = asyncio.create_task(worker.run())
    await until(lambda: not turns.failing)
    shop.didomi.click(ANN, {EMAIL: Choice.GRANTED})
    await shop.receive(shop.didomi.outbox.pop(), ANN)
    await until(lambda: bool(shop.actito.profiles[ANN].subscriptions))
    await worker.stop(5)
    await running

    assert shop.actito.profiles[ANN].subscriptions == {"Newsletter": True}


@pytest.mark.usefixtures("hasty")
async def test_a_broken_turn_is_given_back_also_when_the_store_is_in_trouble(shop: Shop) -> None:
    """What could not be given back is told; the next start finds it."""
    turns = TroubledTurns(shop, failing={"release"})
    worker = Worker(turns, shop.synchroniser, 4, shop.observer)
    shop.didomi.click(ANN, {EMAIL: Choice.GRANTED})
    await shop.receive(shop.didomi.outbox.pop(), ANN)
    shop.contents._contents.clear()
    running = asyncio.create_task(worker.run())
    await until(lambda: len(shop.observer.troubles) == 2)
    await worker.stop(5)
    await running

    assert turns.released == [Subject("brand-a", ANN)]
    assert [trouble.split(":")[0] for trouble in shop.observer.troubles] == ["turn", "release"]


@pytest.mark.usefixtures("hasty")
async def test_a_turn_that_keeps_breaking_comes_ever_more_rarely(shop: Shop) -> None:
    """Its pauses double, so that one bad turn blocks nobody; one that ends well clears that."""
    shop.didomi.click(ANN, {EMAIL: Choice.GRANTED})
    await shop.receive(shop.didomi.outbox.pop(), ANN)
    kept = dict(shop.contents._contents)
    shop.contents._contents.clear()
    running = asyncio.create_task(shop.worker.run())
    await until(lambda: len(shop.observer.troubles) >= 3)
    shop.contents._contents.update(kept)
    await until(lambda: bool(shop.actito.profiles[ANN].subscriptions))
    await shop.worker.stop(5)
    await running

    assert shop.worker._failures == {}


class Slow(ActitoWorld):
    """An Actito that never answers."""

    async def read_by_key(self, mapping: Mapping, key: str) -> ProfileReading | ProfileMissing:
        self.calls.append("read")
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_turn_that_does_not_end_is_cut_off_at_the_stop(shop: Shop) -> None:
    """It comes back at the next start; a stop that waits for ever would lose more."""
    slow = Slow(shop.clock)
    worker = Worker(shop.store, replace(shop.synchroniser, profiles=slow), 1, shop.observer)
    shop.didomi.click(ANN, {EMAIL: Choice.GRANTED})
    await shop.receive(shop.didomi.outbox.pop(), ANN)
    running = asyncio.create_task(worker.run())
    await until(lambda: bool(slow.calls))
    await worker.stop(0.01)
    await running

    assert len(await shop.store.waiting(Subject("brand-a", ANN))) == 1


@pytest.mark.parametrize(("fault", "why"), [("temporary", "not now"), ("refused", "bad request")])
async def test_who_cannot_be_found_now_is_looked_for_again(
    shop: Shop, fault: str, why: str
) -> None:
    """A webhook that names only a profile waits while Actito does not tell whose, and is never given up."""
    shop.actito.click(ANN, "Newsletter", subscribe=False)
    hint = ProfileHint(Names(profile_id="1042"), {"Newsletter": False})
    await shop.receive(hint, unresolved_person("1042"))
    shop.actito.faults.queue.extend([fault] * 3)
    for _ in range(4):
        await shop.drain()
        shop.clock.advance(200 * 3600)
    await shop.drain()

    assert shop.observer.troubles == [f"read: {why}"] * 3
    assert await shop.store.person(Subject("brand-a", ANN)) is not None


async def test_no_more_turns_are_claimed_than_the_pace_has_work_for(shop: Shop) -> None:
    """Whoever would only wait for a call waits in the store, and what arrives joins them there."""
    room = 0
    worker = Worker(shop.store, shop.synchroniser, 4, shop.observer, lambda: room)
    running = asyncio.create_task(worker.run())
    await shop.receive(shop.didomi.click(ANN, {EMAIL: Choice.DENIED}), ANN)
    await asyncio.sleep(0.03)
    early = await shop.store.status()
    room = 1
    await until(lambda: bool(shop.actito.written))
    await worker.stop(1)
    await running

    assert early.waiting_turns == 1
    assert len(shop.actito.written) == 1
