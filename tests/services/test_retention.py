"""The content of what was received goes in its time, and what was learnt stays."""

from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.domain.forgetting import without_names
from consent_sync.domain.ledger import checkpoint_of
from consent_sync.domain.moments import HOUR
from consent_sync.domain.replay import replay
from consent_sync.domain.state import PersonState
from consent_sync.services.retention import Identifiers, Retention, Timelines
from tests.contracts.store_kit import START, event, record, settled
from tests.histories.story import ANN, NO, YES, Story
from tests.services.people import StandingClock


async def test_only_what_is_older_goes_and_later_rounds_go_on() -> None:
    """A round removes what is due; what becomes due later goes in a later one."""
    clock = StandingClock(START + HOUR)
    store = MemoryStore(clock)
    await store.open()
    await store.accept([event("old"), event("young", at=START + HOUR - 1)])
    retention = Retention(store, clock, HOUR - 1)

    steps = [await retention.round()]
    clock.moment += HOUR
    steps += [await retention.round(), await retention.round()]

    assert steps == [1, 1, 0]
    kept = await store.events(refused=False, before=None, limit=9)
    assert [one.body for one in kept] == [b"", b""]


async def test_nothing_goes_without_a_life() -> None:
    """0 is for good, of contents and of timelines."""
    clock = StandingClock(START + HOUR)
    store = MemoryStore(clock)
    await store.open()
    await store.accept([event("old", "ada")])
    await store.settle(settled((await store.claim(1))[0]))

    assert await Retention(store, clock, 0).round() == 0
    assert await Timelines(store, clock, 0).round() == 0


async def test_timelines_are_shortened_person_by_person() -> None:
    """What is due goes in this round, what becomes due later in a later one."""
    clock = StandingClock(START + HOUR)
    store = MemoryStore(clock)
    await store.open()
    for number, at in enumerate([*[START] * 30, START + HOUR - 1]):
        await store.accept([event(f"e{number}", f"p{number}")])
        [turn] = await store.claim(1)
        await store.settle(settled(turn, record=record(at)))
    timelines = Timelines(store, clock, HOUR - 1)

    gone = [await timelines.round()]
    clock.moment += HOUR
    gone += [await timelines.round(), await timelines.round()]

    assert gone == [30, 1, 0]


async def test_what_remains_refuses_an_old_agreement() -> None:
    """All that can go has gone: contents, records. An old yes comes once more and wakes nobody."""
    story = Story.start()
    line = story.lines[0]
    engine = story.engine
    engine.didomi.click(ANN, {line.node: YES})
    old = engine.didomi.outbox[0]
    await story.rest()
    engine.clock.advance(3_600)
    engine.actito.click(ANN, line.id, subscribe=False)
    await story.rest()
    lane = engine.lane(ANN)
    lane.records[:] = [checkpoint_of(lane.records[-1], lane.state)]
    engine.items.clear()
    engine.receive(old)
    await story.rest()

    assert engine.didomi.holds(ANN, line.node) is NO
    assert engine.actito.profiles[ANN].subscriptions[line.id] is False
    assert lane.state == replay(
        lane.records, engine.items, engine.versions, engine.rules, engine.subject(ANN)
    )


async def test_identifiers_are_forgotten_once_a_day() -> None:
    """Who is quiet for long enough loses the name; who becomes so later is looked at the next day."""
    clock = StandingClock(START + HOUR)
    store = MemoryStore(clock)
    await store.open()
    for number, at in enumerate([*[START] * 3, START + HOUR - 1]):
        await store.accept([event(f"e{number}", f"p{number}")])
        [turn] = await store.claim(1)
        await store.settle(settled(turn, record=record(at), state=PersonState()))
    identifiers = Identifiers(store, clock, HOUR - 1)

    gone = [await identifiers.round()]
    clock.moment += HOUR
    gone.append(await identifiers.round())
    clock.moment += 23 * HOUR
    gone.append(await identifiers.round())

    assert gone == [3, 0, 1]
    assert await Identifiers(store, clock, 0).round() == 0


async def test_who_was_forgotten_is_protected_and_found_again() -> None:
    """An old yes is refused without a name, too; a new choice of either side reaches the other."""
    story = Story.start()
    line = story.lines[0]
    engine = story.engine
    engine.didomi.click(ANN, {line.node: YES})
    old = engine.didomi.outbox[0]
    await story.rest()
    engine.clock.advance(3_600)
    engine.actito.click(ANN, line.id, subscribe=False)
    await story.rest()
    lane = engine.lane(ANN)
    before = lane.state
    left = without_names(ANN, before)
    assert left is not None
    lane.records[:] = [checkpoint_of(lane.records[-1], left)]
    lane.state = left
    engine.items.clear()
    engine.receive(old)
    await story.rest()
    after_old = (engine.didomi.holds(ANN, line.node), lane.state.names.ouid)
    engine.clock.advance(3_600)
    engine.didomi.click(ANN, {line.node: YES})
    await story.rest()
    agreed = engine.actito.profiles[ANN].subscriptions[line.id]
    engine.clock.advance(3_600)
    engine.actito.click(ANN, line.id, subscribe=False)
    await story.rest()

    assert after_old[0] is NO
    assert agreed is True
    assert engine.didomi.holds(ANN, line.node) is NO
    assert lane.state.names == before.names
    assert lane.state.profile is before.profile
    assert lane.state == replay(
        lane.records, engine.items, engine.versions, engine.rules, engine.subject(ANN)
    )
