"""Webhooks of Didomi that come late, after a look has shown what they led to."""

import pytest

from consent_sync.domain.consent import Choice
from tests.doubles.engine import Engine
from tests.doubles.mappings import EMAIL, MARKETING, a_line, a_mapping
from tests.doubles.platforms import Profile

ANN = "ann@example.com"
YES, NO = Choice.GRANTED, Choice.DENIED


async def test_a_late_refusal_gives_way_to_the_later_yes_that_a_look_has_shown() -> None:
    """Yes, no, yes in Didomi: a look shows the last yes before the webhook of the no comes.

    The no counts until the event of the yes has come: a look does not tell when a line changed,
    so the no might be the newer one.
    """
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
    assert engine.didomi.holds(ANN, EMAIL) is YES


@pytest.mark.parametrize("fault", ["unclear, landed", "crash"])
async def test_our_own_refusal_shown_by_a_user_webhook_is_nobody_elses(fault: str) -> None:
    """A no of ours landed in Didomi unanswered; a click on another line shows it with the user.

    It is known as ours, so a later yes in Actito counts; after a crash as well, because what had
    led to it was kept before it was sent.
    """
    engine = Engine(a_mapping(a_line(), a_line("DailyDeals", MARKETING)))
    engine.didomi.fanout = ("event", "user")
    engine.actito.profiles[ANN] = Profile("1042")
    engine.didomi.click(ANN, {EMAIL: YES, MARKETING: YES})
    await engine.run()
    engine.clock.advance(600)
    engine.actito.click(ANN, "Newsletter", subscribe=False)
    engine.didomi.faults.queue.append(fault)
    engine.didomi.echoes = False
    engine.deliver_all()
    await engine.take(ANN)
    engine.clock.advance(60)
    engine.didomi.click(ANN, {MARKETING: NO})
    engine.clock.advance(60)
    engine.actito.click(ANN, "Newsletter", subscribe=True)

    await engine.run()

    assert engine.didomi.holds(ANN, EMAIL) is YES
    assert engine.actito.profiles[ANN].subscriptions["Newsletter"] is True
