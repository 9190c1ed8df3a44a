"""Writes that a platform answers with success and never carries out: repeated, with an end."""

import pytest

from consent_sync.domain.consent import Choice
from consent_sync.domain.identity import Side
from consent_sync.domain.ledger import LedgerRecord
from consent_sync.domain.moments import HOUR, MINUTE, Micros
from consent_sync.domain.replay import replay
from consent_sync.domain.verdicts import Kind, Verdict
from tests.doubles.engine import Engine
from tests.doubles.mappings import EMAIL, MARKETING, a_line, a_mapping
from tests.doubles.platforms import Faults, Profile

ANN = "ann@example.com"
YES, NO = Choice.GRANTED, Choice.DENIED


class Deaf(Faults):
    """Calls that are answered with success and change nothing, for ever."""

    def next(self) -> str:
        return "did nothing"


@pytest.fixture
def engine() -> Engine:
    """Ann is subscribed in Actito, refuses in Didomi, and Actito answers 200 without effect."""
    engine = Engine(a_mapping())
    engine.actito.profiles[ANN] = Profile("1042", {"Newsletter": True})
    engine.actito.faults = Deaf()
    engine.didomi.click(ANN, {EMAIL: NO})
    return engine


async def until_it_rests(engine: Engine, *, looks: int = 20) -> list[Micros]:
    """Let every look happen when it is due; return how long each one had been waited for."""
    await engine.run()
    waits: list[Micros] = []
    for _ in range(looks):
        due_at = engine.lane(ANN).due_at
        if due_at is None:
            return waits
        waits.append(due_at - engine.clock.now())
        engine.clock.time = due_at
        await engine.take(ANN)
        await engine.run()
    raise AssertionError("it never comes to rest")


async def test_a_write_without_effect_is_repeated_ever_more_rarely_and_then_fails(
    engine: Engine,
) -> None:
    """Looked for after ten minutes, an hour, six hours and a day; then it has failed, with a reason."""
    waits = await until_it_rests(engine)

    nearly = [round(wait / MINUTE) for wait in waits]
    last = engine.entries(ANN)[-2:]
    assert nearly == [10, 60, 6 * 60, 24 * 60]
    assert engine.actito.calls.count("update") == 4
    assert [entry.kind for entry in last] == [Kind.FAILED, Kind.DECIDED]
    assert all(entry.verdict is Verdict.FAILED for entry in last)
    assert "answered 4 writes with success" in last[0].reason


async def test_a_refusal_without_effect_stays_a_waiting_opt_out(engine: Engine) -> None:
    """From the first look that finds it missing to the end it counts as waiting since it was made."""
    made = engine.clock.now()
    await until_it_rests(engine)

    seen = [one.summary for one in engine.lane(ANN).settlements]
    assert seen[0].optout_waiting_since is None
    assert all(one.optout_waiting_since == made for one in seen[1:])
    assert [one.failed for one in seen][-1] == 1


async def test_a_failed_write_is_tried_again_with_the_next_choice(engine: Engine) -> None:
    """What the person says next is written, however often the older choice found no effect."""
    await until_it_rests(engine)
    engine.actito.faults = Faults()
    engine.clock.advance(60)
    engine.didomi.click(ANN, {EMAIL: NO})

    await engine.run()

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": False}
    assert engine.lane(ANN).settlements[-1].summary.failed == 0


async def test_a_failed_write_is_tried_again_when_its_event_is_replayed(engine: Engine) -> None:
    """An operator who has mended the cause replays the event, and the refusal is written."""
    event = engine.didomi.outbox[0]
    await until_it_rests(engine)
    engine.actito.faults = Faults()
    engine.receive(event)

    await engine.run()

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": False}


async def test_a_write_that_shows_in_time_starts_the_count_anew(engine: Engine) -> None:
    """Two writes without effect and then one with it leave nothing to wait for."""
    await engine.run()
    engine.clock.advance(10 * 60)
    engine.actito.faults = Faults()
    await engine.take(ANN)

    await engine.run()

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": False}
    assert engine.line(ANN, "Newsletter").unshown == {}
    assert engine.lane(ANN).settlements[-1].summary.optout_waiting_since is None


async def test_a_refusal_that_didomi_never_takes_fails_too(engine: Engine) -> None:
    """The same end on the other side."""
    engine.didomi.outbox.clear()
    engine.actito.faults = Faults()
    engine.didomi.click(ANN, {EMAIL: YES})
    await engine.run()
    engine.clock.advance(2 * HOUR / 1_000_000)
    engine.didomi.faults = Deaf()
    engine.actito.click(ANN, "Newsletter", subscribe=False)

    await until_it_rests(engine)

    assert engine.didomi.calls.count("send") == 4
    assert Side.DIDOMI in engine.line(ANN, "Newsletter").failed


async def test_the_ledger_tells_the_same_story(engine: Engine) -> None:
    """The state worked out anew from the records knows of the failure as well."""
    await until_it_rests(engine)
    records: list[LedgerRecord] = engine.lane(ANN).records

    again = replay(records, engine.items, engine.versions, engine.rules, engine.subject(ANN))

    assert again == engine.lane(ANN).state


async def test_a_line_given_up_holds_no_other_line_up(engine: Engine) -> None:
    """In the very turn in which the one fails, the refusal of the other one is written."""
    engine.with_mapping(lines=(a_line(), a_line("DailyDeals", MARKETING)))
    await engine.run()
    for _ in range(3):
        engine.clock.time = engine.lane(ANN).due_at or 0
        await engine.take(ANN)
    engine.clock.time = engine.lane(ANN).due_at or 0
    engine.actito.faults = Faults()
    engine.didomi.click(ANN, {MARKETING: NO})
    engine.deliver_all()
    await engine.take(ANN)

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": True, "DailyDeals": False}
    assert Side.ACTITO in engine.line(ANN, "Newsletter").failed
