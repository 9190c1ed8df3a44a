"""A user deleted in Didomi: looked at first, then forgotten, as the policy says."""

import pytest

from consent_sync.domain.consent import Choice
from consent_sync.domain.erasure import DeletionPolicy
from consent_sync.domain.events import DidomiItem, EventKind
from tests.doubles.engine import Engine
from tests.doubles.mappings import EMAIL, a_mapping
from tests.doubles.platforms import Profile

ANN = "ann@example.com"
YES, NO = Choice.GRANTED, Choice.DENIED
GONE = DidomiItem(EventKind.CONSENT_USER_DELETED, "user.deleted", ANN, "gdpr")


@pytest.fixture
async def engine() -> Engine:
    """Ann has agreed in Didomi, and Actito holds it."""
    engine = Engine(a_mapping())
    engine.actito.profiles[ANN] = Profile("1", {"Newsletter": False})
    engine.didomi.click(ANN, {EMAIL: YES})
    await engine.run()
    engine.clock.advance(600)
    assert engine.actito.profiles[ANN].subscriptions["Newsletter"]
    return engine


async def turn(engine: Engine) -> None:
    """Ann's next turn; the deletion waits on behind it, because nobody erases here."""
    engine.deliver_all()
    await engine.take(ANN)


async def test_keep_leaves_actito_alone_and_forgets(engine: Engine) -> None:
    """A deletion is no refusal, unless somebody decided so."""
    engine.deletion = DeletionPolicy.KEEP
    del engine.didomi.nodes[ANN]
    engine.receive(GONE)

    await turn(engine)

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": True}
    assert engine.forgotten == [ANN]


async def test_opt_out_refuses_in_actito_before_it_forgets(engine: Engine) -> None:
    """Every line that Actito knows of ends in a no."""
    engine.deletion = DeletionPolicy.OPT_OUT
    del engine.didomi.nodes[ANN]
    engine.receive(GONE)

    await turn(engine)

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": False}
    assert engine.forgotten == [ANN]


async def test_a_record_deleted_in_a_merge_forgets_nobody(engine: Engine) -> None:
    """Didomi still shows the person, so nothing is to be forgotten."""
    engine.deletion = DeletionPolicy.OPT_OUT
    engine.receive(GONE)

    await engine.run()

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": True}
    assert engine.forgotten == []


async def test_a_deletion_under_another_regulation_forgets_nobody(engine: Engine) -> None:
    """What a mapping does not accept cannot erase anybody in it."""
    engine.deletion = DeletionPolicy.KEEP
    del engine.didomi.nodes[ANN]
    engine.receive(DidomiItem(EventKind.CONSENT_USER_DELETED, "user.deleted", ANN, "cpra"))

    await engine.run()

    assert engine.forgotten == []


async def test_the_deletion_waits_until_the_erasure_is_done(engine: Engine) -> None:
    """A crash between the turn and the erasure loses nothing: the turn comes again."""
    engine.deletion = DeletionPolicy.KEEP
    del engine.didomi.nodes[ANN]
    engine.receive(GONE)
    await turn(engine)
    engine.clock.advance(61)

    await turn(engine)

    assert engine.forgotten == [ANN, ANN]
