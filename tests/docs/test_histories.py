"""The histories told in the documentation are played, so that the pages tell what really happens."""

import asyncio
import re
from collections.abc import Callable, Coroutine
from typing import Final

import pytest

from consent_sync.domain.consent import Choice, Node, Pick
from consent_sync.domain.events import ProfileHint
from consent_sync.domain.identity import Names
from consent_sync.domain.mapping import SyncMode
from consent_sync.domain.moments import MINUTE
from consent_sync.domain.verdicts import Verdict
from tests.docs.pages import ROOT
from tests.doubles.engine import Engine
from tests.doubles.mappings import EMAIL, MARKETING, NEWS, SPORT, a_line, a_mapping
from tests.doubles.platforms import Profile

ANN: Final = "ann@example.com"
YES, NO, NOTHING = Choice.GRANTED, Choice.DENIED, Choice.NONE
TOPICS: Final = Pick("marketing", "topics")

RULES: Final = "docs/explanation/consent-rules.md"
SAFE_SIDE: Final = "docs/decisions/0010-safe-side-additions.md"
TOLD: Final = {
    RULES: ("Worked histories", "Histories that no rule can close"),
    SAFE_SIDE: ("Choice",),
}
"""The sections whose sub-headings each name one history."""

Play = Callable[[], Coroutine[None, None, None]]
played: dict[str, Play] = {}


def history(heading: str) -> Callable[[Play], Play]:
    """Name the history that a function plays, as its page does."""

    def note(play: Play) -> Play:
        played[heading] = play
        return play

    return note


def an_engine(subscribed: bool | None = None, sync: SyncMode = SyncMode.TWO_WAY) -> Engine:
    """Return an engine with one line and Ann's profile, which nobody has read yet."""
    engine = Engine(a_mapping(a_line(sync=sync)))
    profile = engine.actito.profiles[ANN] = Profile("1042")
    if subscribed is not None:
        profile.subscriptions["Newsletter"] = subscribed
    return engine


def sides(engine: Engine, name: str = "Newsletter", node: Node = EMAIL) -> tuple[Choice, Choice]:
    """Return what Didomi and Actito hold."""
    subscribed = engine.actito.profiles[ANN].subscriptions.get(name)
    actito = NOTHING if subscribed is None else YES if subscribed else NO
    return engine.didomi.holds(ANN, node), actito


def chooses(engine: Engine, side: str, choice: Choice) -> None:
    """Let Ann choose; the webhook waits in the platform's outbox."""
    if side == "Didomi":
        engine.didomi.click(ANN, {EMAIL: choice})
    else:
        engine.actito.click(ANN, "Newsletter", subscribe=choice is YES)


def verdicts(engine: Engine) -> set[Verdict]:
    """Return every word that Ann's timeline holds."""
    return {entry.verdict for entry in engine.entries(ANN)}


def writes(engine: Engine) -> list[str]:
    """Return the writes to both sides so far."""
    return [
        call for world in (engine.didomi, engine.actito) for call in world.calls if call != "read"
    ]


# --- worked histories --------------------------------------------------------------------------


@history("An agreement goes over")
async def _an_agreement() -> None:
    engine = an_engine()
    chooses(engine, "Didomi", YES)
    engine.clock.advance(2)
    engine.deliver_all()
    await engine.take(ANN)

    assert engine.actito.calls == ["read", "update"]

    await engine.run()

    assert sides(engine) == (YES, YES)
    assert writes(engine) == ["update"]
    assert Verdict.CONFIRMED in verdicts(engine)


@history("A refusal goes over")
async def _a_refusal() -> None:
    engine = an_engine()
    chooses(engine, "Didomi", YES)
    await engine.run()
    engine.clock.advance(60)
    chooses(engine, "Didomi", NO)
    engine.actito.calls.clear()
    engine.deliver_all()
    await engine.take(ANN)

    assert engine.actito.calls == ["update"]
    assert sides(engine) == (NO, NO)


@history("Our own change comes back twice")
async def _an_echo() -> None:
    engine = an_engine()
    chooses(engine, "Didomi", YES)
    engine.deliver_all()
    await engine.take(ANN)
    echo = engine.actito.outbox[0]
    await engine.run()
    engine.receive(echo)
    await engine.run()

    assert writes(engine) == ["update"]
    assert {Verdict.CONFIRMED, Verdict.ECHO} <= verdicts(engine)


@history("Nobody can say which came last")
async def _uncertain() -> None:
    engine = an_engine()
    chooses(engine, "Didomi", YES)
    await engine.run()
    engine.clock.advance(86_400)
    chooses(engine, "Actito", NO)
    late = engine.actito.outbox.pop()
    engine.clock.advance(20 * 60)
    chooses(engine, "Didomi", YES)
    engine.clock.advance(2)
    engine.receive(late)
    await engine.run()

    assert sides(engine) == (NO, NO)
    assert Verdict.CONFLICT_STRICTEST in verdicts(engine)

    engine.clock.advance(600)
    chooses(engine, "Didomi", YES)
    await engine.run()

    assert sides(engine) == (YES, YES)


@history("An old refusal, a fresh agreement")
async def _first_contact() -> None:
    engine = an_engine(subscribed=False)
    chooses(engine, "Didomi", YES)
    engine.clock.advance(2)
    await engine.run()

    assert sides(engine) == (YES, YES)


@history("A late agreement")
async def _late_yes() -> None:
    engine = an_engine(subscribed=False)
    chooses(engine, "Didomi", YES)
    engine.clock.advance(20 * 60)
    await engine.run()

    assert sides(engine) == (YES, NO)
    assert engine.line(ANN, "Newsletter").held == Verdict.HELD_REVIEW

    chooses(engine, "Didomi", YES)
    await engine.run()

    assert sides(engine) == (YES, YES)
    assert not engine.line(ANN, "Newsletter").held


@history("A refusal that our agreement ran over")
async def _run_over() -> None:
    engine = an_engine()
    chooses(engine, "Didomi", YES)
    await engine.run()
    engine.clock.advance(1)
    engine.receive(ProfileHint(Names(actito_key=ANN, profile_id="1042"), {"Newsletter": False}))
    await engine.run()

    assert sides(engine) == (NO, NO)
    assert Verdict.CONFLICT_STRICTEST in verdicts(engine)


@history("An answer that never came")
async def _unclear() -> None:
    engine = an_engine()
    engine.actito.faults.queue.extend(["", "unclear, landed"])
    chooses(engine, "Didomi", YES)
    engine.deliver_all()
    await engine.take(ANN)

    assert Verdict.WAITING_RETRY in verdicts(engine)

    engine.actito.outbox.clear()
    await engine.run()

    assert engine.actito.calls == ["read", "update", "read"]
    assert sides(engine) == (YES, YES)


@history("One of several topics")
async def _lists() -> None:
    engine = _with_topics()
    engine.didomi.click(ANN, {}, {TOPICS: frozenset({"sport", "news"})})
    await engine.run()
    engine.clock.advance(3600)
    engine.didomi.click(ANN, {}, {TOPICS: frozenset({"sport"})})
    engine.didomi.outbox.clear()
    engine.clock.advance(3600)
    engine.actito.click(ANN, "SportNews", subscribe=False)
    await engine.run()

    assert engine.didomi.picks[ANN][TOPICS][0] == frozenset()
    assert engine.actito.profiles[ANN].subscriptions == {"SportNews": False, "WorldNews": False}


# --- safe-side additions -----------------------------------------------------------------------


@history("The first sight of a refusal ages an agreement")
async def _first_sight() -> None:
    engine = an_engine(subscribed=True)
    engine.actito.faults.queue.append("temporary")
    chooses(engine, "Didomi", YES)
    engine.deliver_all()
    await engine.take(ANN)
    engine.clock.advance(20 * 60)
    chooses(engine, "Actito", NO)
    engine.actito.outbox.clear()
    engine.clock.advance(20 * 60)
    await engine.run()

    assert sides(engine) == (YES, NO)
    assert engine.line(ANN, "Newsletter").held == Verdict.HELD_REVIEW


@history("An agreement that a later choice brings to light")
async def _brought_to_light() -> None:
    engine = Engine(a_mapping(a_line(), a_line("DailyDeals", MARKETING, number=15)))
    engine.actito.profiles[ANN] = Profile("1042")
    engine.didomi.click(ANN, {MARKETING: YES})
    engine.clock.advance(60)
    engine.actito.click(ANN, "DailyDeals", subscribe=False)
    engine.didomi.outbox.clear()
    engine.actito.outbox.clear()
    engine.clock.advance(60)
    chooses(engine, "Didomi", YES)
    await engine.run()
    engine.receive(engine.didomi.shown(ANN))
    await engine.run()

    assert sides(engine) == (YES, YES)
    assert sides(engine, "DailyDeals", MARKETING) == (YES, NO)
    assert engine.line(ANN, "DailyDeals").held == Verdict.HELD_REVIEW


@history("A refusal in Didomi that nobody told us of")
async def _untold() -> None:
    engine = an_engine()
    await _reads_actito(engine)
    engine.clock.advance(60)
    chooses(engine, "Actito", YES)
    engine.clock.advance(30)
    chooses(engine, "Didomi", NO)
    engine.didomi.outbox.clear()
    engine.clock.advance(30)
    await engine.run()

    assert sides(engine) == (NO, YES)
    assert engine.line(ANN, "Newsletter").held == Verdict.HELD_REVIEW


@history("A list is sent whole only after a fresh look")
async def _fresh_list() -> None:
    await _lists()


@history("A subscription that vanished")
async def _vanished() -> None:
    engine = an_engine()
    chooses(engine, "Actito", YES)
    engine.didomi.click(ANN, {})
    await engine.run()
    engine.clock.advance(86_400)
    chooses(engine, "Didomi", YES)
    late = engine.didomi.outbox.pop()
    engine.clock.advance(20 * 60)
    del engine.actito.profiles[ANN].subscriptions["Newsletter"]
    engine.receive(late)
    engine.receive(ProfileHint(Names(actito_key=ANN), {}, {"brand": "x"}))
    await engine.run()

    assert sides(engine) == (YES, NOTHING)
    assert engine.line(ANN, "Newsletter").held == Verdict.HELD_REVIEW


@history("A date in the future counts as the moment of receipt")
async def _future() -> None:
    engine = an_engine(subscribed=True)
    await _reads_actito(engine)
    engine.didomi.skew = 60 * MINUTE
    chooses(engine, "Didomi", YES)
    await engine.run()
    engine.clock.advance(30 * 60)
    chooses(engine, "Actito", NO)
    await engine.run()

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": False}
    assert sides(engine) == (NO, NO)


@history("A refusal of ours that did not take is written again")
async def _not_taken() -> None:
    engine = an_engine()
    chooses(engine, "Didomi", YES)
    await engine.run()
    engine.clock.advance(3600)
    engine.actito.faults.queue.append("did nothing")
    chooses(engine, "Didomi", NO)
    await engine.run()

    assert sides(engine) == (NO, YES)

    engine.clock.advance(11 * 60)
    await engine.take(ANN)
    await engine.run()

    assert sides(engine) == (NO, NO)


@history("A refusal said twice counts up to the second time")
async def _said_twice() -> None:
    engine = an_engine()
    chooses(engine, "Didomi", YES)
    await engine.run()
    engine.clock.advance(86_400)
    chooses(engine, "Actito", NO)
    await engine.run()
    engine.clock.advance(86_400)
    chooses(engine, "Didomi", YES)
    late = engine.didomi.outbox.pop()
    engine.clock.advance(120)
    chooses(engine, "Actito", NO)
    await engine.run()
    engine.clock.advance(60)
    engine.receive(late)
    await engine.run()

    assert sides(engine) == (NO, NO)
    assert Verdict.CONFLICT_STRICTEST in verdicts(engine)


# --- open histories ----------------------------------------------------------------------------


@history("A lost refusal, and an unclear agreement of ours that lands after it")
async def _open_lost() -> None:
    engine = an_engine()
    engine.actito.faults.queue.extend(["", "unclear, lands later"])
    chooses(engine, "Didomi", YES)
    engine.deliver_all()
    await engine.take(ANN)
    engine.clock.advance(0.5)
    chooses(engine, "Actito", NO)
    engine.actito.outbox.clear()
    engine.actito.late.pop()()
    await engine.run()

    assert sides(engine) == (YES, YES)


@history("A refusal that looks like the echo of our own")
async def _open_echo() -> None:
    engine = an_engine()
    chooses(engine, "Didomi", NO)
    await engine.run()
    engine.clock.advance(600)
    chooses(engine, "Didomi", YES)
    await engine.run()
    engine.clock.advance(1)
    engine.receive(ProfileHint(Names(actito_key=ANN, profile_id="1042"), {"Newsletter": False}))
    await engine.run()

    assert sides(engine) == (YES, YES)


@history("A write answered with success that did nothing, and a late webhook")
async def _open_nothing() -> None:
    engine = an_engine()
    chooses(engine, "Actito", YES)
    late = engine.actito.outbox.pop()
    engine.clock.advance(600)
    engine.actito.faults.queue.append("did nothing")
    chooses(engine, "Didomi", NO)
    await engine.run()
    engine.clock.advance(300)
    engine.receive(late)
    await engine.run()

    assert sides(engine) == (YES, YES)


@history("A second refusal in Didomi that no event tells of")
async def _open_second() -> None:
    engine = an_engine()
    engine.didomi.fanout = ("bare user",)
    chooses(engine, "Didomi", NO)
    await engine.run()
    engine.clock.advance(600)
    chooses(engine, "Actito", YES)
    engine.clock.advance(10)
    chooses(engine, "Didomi", NO)
    await engine.run()

    assert sides(engine) == (YES, YES)


@history("Clocks that differ by more than the tolerance")
async def _open_clocks() -> None:
    engine = an_engine()
    engine.didomi.skew = -180 * MINUTE
    chooses(engine, "Actito", YES)
    engine.didomi.click(ANN, {})
    await engine.run()
    engine.clock.advance(600)
    chooses(engine, "Didomi", NO)
    await engine.run()

    assert sides(engine) == (YES, YES)


@history("A cleared list that Didomi sends as an absent key")
async def _open_absent() -> None:
    engine = _with_topics()
    engine.didomi.click(ANN, {}, {TOPICS: frozenset({"sport"})})
    await engine.run()
    engine.clock.advance(3600)
    engine.didomi.click(ANN, {})
    await engine.run()

    assert engine.actito.profiles[ANN].subscriptions["SportNews"]


async def _reads_actito(engine: Engine) -> None:
    """Let a webhook about something else make the engine read the profile for the first time."""
    engine.receive(ProfileHint(Names(actito_key=ANN, profile_id="1042"), {}, {"brand": "a"}))
    await engine.run()


def _with_topics() -> Engine:
    engine = Engine(a_mapping(a_line("SportNews", SPORT), a_line("WorldNews", NEWS, number=15)))
    engine.actito.profiles[ANN] = Profile("1042")
    return engine


# --- the tests ---------------------------------------------------------------------------------


@history("A yes and a no in Actito beside a yes that Didomi never told us of")
async def a_lost_yes_beside_two_clicks_in_actito() -> None:
    engine = an_engine()
    chooses(engine, "Didomi", NO)
    engine.receive(engine.didomi.outbox.pop())
    await engine.take(ANN)
    engine.clock.advance(5)
    chooses(engine, "Didomi", YES)
    engine.didomi.outbox.clear()
    engine.clock.advance(5)
    chooses(engine, "Actito", YES)
    engine.clock.advance(5)
    chooses(engine, "Actito", NO)

    await engine.run()
    engine.receive(engine.didomi.shown(ANN))
    await engine.run()

    assert sides(engine) == (NO, NO)


@history("A refusal on both sides at once")
async def a_refusal_on_both_sides_at_once() -> None:
    engine = an_engine(sync=SyncMode.TWO_WAY_STRICT)
    engine.actito.faults.queue.append("temporary")
    chooses(engine, "Didomi", NO)
    engine.clock.advance(5)
    chooses(engine, "Actito", NO)
    await engine.run()
    engine.clock.advance(10 * 60)
    chooses(engine, "Didomi", YES)

    await engine.run()

    assert sides(engine)[1] is NO


@history("A choice that a look showed first")
async def a_choice_that_a_look_showed_first() -> None:
    engine = Engine(a_mapping(a_line(), a_line("DailyDeals", MARKETING)))
    engine.actito.profiles[ANN] = Profile("1042")
    engine.didomi.fanout = ("bare user",)
    engine.didomi.click(ANN, {MARKETING: YES})
    engine.clock.advance(5)
    chooses(engine, "Actito", YES)
    engine.receive(engine.actito.outbox.pop())
    await engine.take(ANN)

    await engine.run()

    assert sides(engine, "DailyDeals", MARKETING) == (YES, YES)


@history("An agreement that had to wait")
async def an_agreement_that_had_to_wait() -> None:
    engine = an_engine()
    profile = engine.actito.profiles.pop(ANN)
    chooses(engine, "Didomi", YES)
    await engine.run()
    engine.clock.advance(3600)
    chooses(engine, "Didomi", NO)
    engine.didomi.outbox.clear()
    engine.actito.profiles[ANN] = profile
    engine.clock.advance(3600)
    engine.actito.touch(ANN)

    await engine.run()

    assert sides(engine)[1] is not YES


@pytest.mark.parametrize("heading", played)
def test_history_ends_as_its_page_says(heading: str) -> None:
    """Played on the real rules, a history ends as it is told."""
    asyncio.run(played[heading]())


def test_every_told_history_is_played() -> None:
    """The headings of the histories on the pages and the played histories are the same."""
    told = [
        heading
        for page, sections in TOLD.items()
        for section in sections
        for heading in _below((ROOT / page).read_text(encoding="utf-8"), section)
    ]

    assert sorted(told) == sorted(played)


def _below(page: str, section: str) -> list[str]:
    part = page.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return re.findall(r"^### (.+)$", part, re.MULTILINE)
