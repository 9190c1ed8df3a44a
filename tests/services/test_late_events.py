"""Webhooks of Didomi that come late, after a look has shown what they led to."""

import pytest

from consent_sync.domain.consent import Choice
from tests.doubles.engine import Engine
from tests.doubles.mappings import EMAIL, MARKETING, a_line, a_mapping
from tests.doubles.platforms import Profile

ANN = "ann@example.com"
YES, NO = Choice.GRANTED, Choice.DENIED


@pytest.mark.xfail(
    strict=True,
    reason="a refusal's event that comes after a look at Didomi, and is older than the agreement "
    "which the look showed, is taken as news and even written back to Didomi",
)
async def test_a_late_refusal_does_not_undo_the_agreement_that_a_look_has_shown() -> None:
    """Yes, no, yes in Didomi: a look shows the last yes before the webhook of the no comes."""
    engine = Engine(a_mapping(a_line(), a_line("DailyDeals", MARKETING)))
    engine.actito.profiles[ANN] = Profile("1042")
    engine.didomi.click(ANN, {EMAIL: YES})
    await engine.run()
    engine.clock.advance(60)
    late = [engine.didomi.click(ANN, {EMAIL: NO})]
    engine.clock.advance(60)
    late.append(engine.didomi.click(ANN, {EMAIL: YES}))
    engine.didomi.outbox.clear()
    engine.actito.click(ANN, "DailyDeals", subscribe=True)
    await engine.run()

    for event in late:
        engine.receive(event)
        await engine.run()

    assert engine.actito.profiles[ANN].subscriptions["Newsletter"] is True
    assert engine.didomi.calls.count("send") == 1
