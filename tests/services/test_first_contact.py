"""The first thing that is ever heard of a person: what counts as a choice, and what must not be lost."""

import pytest

from consent_sync.domain.consent import Choice
from consent_sync.domain.events import ProfileHint
from consent_sync.domain.identity import Names
from tests.doubles.engine import Engine
from tests.doubles.mappings import EMAIL, MARKETING, a_line, a_mapping
from tests.doubles.platforms import Profile

ANN = "ann@example.com"


async def test_a_refusal_is_not_lost_behind_a_webhook_about_attributes() -> None:
    """One form changes an attribute and unsubscribes; its two webhooks come in the wrong order."""
    engine = Engine(a_mapping())
    engine.didomi.click(ANN, {EMAIL: Choice.GRANTED})
    engine.didomi.outbox.clear()
    engine.actito.profiles[ANN] = Profile("1042", {"Newsletter": True})
    engine.actito.click(ANN, "Newsletter", subscribe=False)
    engine.receive(ProfileHint(Names(ANN, ANN, "1042"), {}, {"brand": "south"}))
    await engine.take(ANN)

    await engine.run()

    assert engine.didomi.holds(ANN, EMAIL) is Choice.DENIED


async def agrees_again_after(fault: str) -> Engine:
    """Let a no of ours land in Didomi without an answer, and the person agree in Actito later."""
    engine = Engine(a_mapping(a_line(), a_line("DailyDeals", MARKETING)))
    engine.actito.profiles[ANN] = Profile("1042", {"Newsletter": True})
    engine.didomi.click(ANN, {MARKETING: Choice.GRANTED})
    await engine.run()
    engine.clock.advance(600)
    engine.actito.click(ANN, "Newsletter", subscribe=False)
    engine.didomi.faults.queue.append(fault)
    engine.deliver_all()
    await engine.take(ANN)
    engine.clock.advance(60)
    engine.actito.click(ANN, "Newsletter", subscribe=True)
    await engine.run()
    return engine


@pytest.mark.parametrize("fault", ["unclear, landed", "crash"])
async def test_our_own_refusal_is_known_again_when_its_answer_was_lost(fault: str) -> None:
    """A look shows our refusal, not somebody's of unknown age: the person's later yes counts."""
    engine = await agrees_again_after(fault)

    assert engine.didomi.holds(ANN, EMAIL) is Choice.GRANTED
