"""The first thing that is ever heard of a person: what counts as a choice, and what must not be lost."""

from consent_sync.domain.consent import Choice
from consent_sync.domain.events import ProfileHint
from consent_sync.domain.identity import Names
from tests.doubles.engine import Engine
from tests.doubles.mappings import EMAIL, a_mapping
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
