"""A user deleted in Didomi: looked at first, then forgotten, as the policy says."""

import pytest

from consent_sync.domain.consent import Choice
from consent_sync.domain.erasure import DeletionPolicy
from consent_sync.domain.events import DidomiItem, ErasureWord, EventKind, ProfileHint
from consent_sync.domain.identity import Names
from consent_sync.services.deletion import DeletionPace, Departures
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
    engine.departures = Departures(DeletionPolicy.KEEP)
    del engine.didomi.nodes[ANN]
    engine.receive(GONE)

    await turn(engine)

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": True}
    assert engine.forgotten == [ANN]


async def test_opt_out_refuses_in_actito_before_it_forgets(engine: Engine) -> None:
    """Every line that Actito knows of ends in a no."""
    engine.departures = Departures(DeletionPolicy.OPT_OUT)
    del engine.didomi.nodes[ANN]
    engine.receive(GONE)

    await turn(engine)

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": False}
    assert engine.forgotten == [ANN]


async def test_a_record_deleted_in_a_merge_forgets_nobody(engine: Engine) -> None:
    """Didomi still shows the person, so nothing is to be forgotten."""
    engine.departures = Departures(DeletionPolicy.OPT_OUT)
    engine.receive(GONE)

    await engine.run()

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": True}
    assert engine.forgotten == []


async def test_a_deletion_under_another_regulation_forgets_nobody(engine: Engine) -> None:
    """What a mapping does not accept cannot erase anybody in it."""
    engine.departures = Departures(DeletionPolicy.KEEP)
    del engine.didomi.nodes[ANN]
    engine.receive(DidomiItem(EventKind.CONSENT_USER_DELETED, "user.deleted", ANN, "cpra"))

    await engine.run()

    assert engine.forgotten == []


async def test_the_deletion_waits_until_the_erasure_is_done(engine: Engine) -> None:
    """A crash between the turn and the erasure loses nothing: the turn comes again."""
    engine.departures = Departures(DeletionPolicy.KEEP)
    del engine.didomi.nodes[ANN]
    engine.receive(GONE)
    await turn(engine)
    engine.clock.advance(61)

    await turn(engine)

    assert engine.forgotten == [ANN, ANN]


PROFILE_GONE = ProfileHint(Names(actito_key=ANN, profile_id="1"))


async def test_delete_removes_the_profile_before_it_forgets(engine: Engine) -> None:
    """Once, and nothing else is written to it."""
    engine.departures = Departures(DeletionPolicy.DELETE)
    del engine.didomi.nodes[ANN]
    engine.receive(GONE)
    engine.actito.calls.clear()

    await turn(engine)

    assert engine.actito.profiles == {}
    assert engine.actito.calls == ["read", "delete"]
    assert engine.causes == [(DeletionPolicy.DELETE, "user.deleted")]


async def test_a_profile_that_is_gone_already_is_not_deleted(engine: Engine) -> None:
    """There is nothing left to do but to erase."""
    engine.departures = Departures(DeletionPolicy.DELETE)
    del engine.didomi.nodes[ANN]
    del engine.actito.profiles[ANN]
    engine.receive(GONE)

    await turn(engine)

    assert "delete" not in engine.actito.calls
    assert engine.forgotten == [ANN]


@pytest.mark.parametrize("fault", ["temporary", "unclear, lost", "crash", "unclear, landed"])
async def test_a_deletion_without_an_answer_is_looked_at_before_it_is_repeated(
    engine: Engine, fault: str
) -> None:
    """Nobody is forgotten before the profile is known to be gone."""
    engine.departures = Departures(DeletionPolicy.DELETE)
    del engine.didomi.nodes[ANN]
    engine.receive(GONE)
    engine.actito.faults.queue.extend(["", fault])

    await turn(engine)
    assert engine.forgotten == []
    engine.actito.calls.clear()
    engine.clock.advance(600)
    await turn(engine)

    assert engine.actito.profiles == {}
    assert engine.forgotten == [ANN]
    assert engine.actito.calls[0] == "read"


async def test_deletions_have_a_pace(engine: Engine) -> None:
    """A platform that loses everybody must not empty the other one within the hour."""
    pace = DeletionPace(1)
    pace.take(engine.clock.now())
    engine.departures = Departures(DeletionPolicy.DELETE, pace=pace)
    del engine.didomi.nodes[ANN]
    engine.receive(GONE)
    await turn(engine)
    waits = list(engine.actito.profiles)
    engine.clock.advance(3_700)
    await turn(engine)

    assert waits == [ANN]
    assert engine.actito.profiles == {}
    assert engine.forgotten == [ANN]


async def test_people_shared_with_another_mapping_are_only_refused(engine: Engine) -> None:
    """Deleting the profile would take it from the other mapping, too."""
    engine.departures = Departures(DeletionPolicy.DELETE, shared=lambda mapping: True)
    del engine.didomi.nodes[ANN]
    engine.receive(GONE)

    await turn(engine)

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": False}
    assert engine.causes == [(DeletionPolicy.OPT_OUT, "user.deleted")]


async def test_a_vanished_profile_means_nothing_unless_it_was_said(engine: Engine) -> None:
    """Profiles are deleted and made anew for many reasons."""
    engine.departures = Departures()
    del engine.actito.profiles[ANN]
    engine.receive(PROFILE_GONE)
    await engine.run()

    assert engine.didomi.holds(ANN, EMAIL) is YES
    assert engine.forgotten == []


async def test_a_vanished_profile_refuses_everything_in_didomi(engine: Engine) -> None:
    """With the policy `opt-out`, and then the person is forgotten here."""
    engine.departures = Departures(profile=DeletionPolicy.OPT_OUT)
    del engine.actito.profiles[ANN]
    engine.receive(PROFILE_GONE)
    await turn(engine)

    assert engine.didomi.holds(ANN, EMAIL) is NO
    assert engine.causes == [(DeletionPolicy.OPT_OUT, "profile.deleted")]


async def test_a_vanished_profile_deletes_the_user(engine: Engine) -> None:
    """With the policy `delete`, also when Didomi answers late."""
    engine.departures = Departures(profile=DeletionPolicy.DELETE)
    del engine.actito.profiles[ANN]
    engine.receive(PROFILE_GONE)
    engine.didomi.faults.queue.extend(["", "refused"])
    await turn(engine)
    assert ANN in engine.didomi.nodes
    engine.clock.advance(600)
    await turn(engine)

    assert engine.didomi.nodes == {}
    assert engine.causes == [(DeletionPolicy.DELETE, "profile.deleted")]


async def test_a_webhook_of_a_profile_that_never_was_deletes_nobody(engine: Engine) -> None:
    """Only a profile that was seen once can have been deleted."""
    engine.departures = Departures(profile=DeletionPolicy.DELETE)
    engine.didomi.click("bob@example.com", {EMAIL: YES})
    await engine.run()
    engine.receive(ProfileHint(Names(actito_key="bob@example.com")))
    await engine.run()

    assert "bob@example.com" in engine.didomi.nodes


@pytest.mark.parametrize(
    ("policy", "actito", "didomi"),
    [
        (DeletionPolicy.OPT_OUT, {"Newsletter": False}, NO),
        (DeletionPolicy.DELETE, None, Choice.NONE),
    ],
)
async def test_an_erasure_that_was_asked_for_deals_with_both_sides(
    engine: Engine, policy: DeletionPolicy, actito: dict[str, bool] | None, didomi: Choice
) -> None:
    """As its own policy says, whatever deletions by webhook mean, and at no pace."""
    engine.departures = Departures(pace=DeletionPace(1))
    engine.say(ANN, ErasureWord("olga", policy))
    await turn(engine)
    profile = engine.actito.profiles.get(ANN)

    assert (profile and profile.subscriptions) == actito
    assert engine.didomi.holds(ANN, EMAIL) is didomi
    assert engine.causes == [(policy, "command")]


@pytest.mark.parametrize("left", ["didomi", "actito", "nobody"])
async def test_nobody_is_created_to_be_refused(engine: Engine, left: str) -> None:
    """Where a side lacks the person, the refusal goes to the other one alone."""
    engine.with_mapping(upsert_mode=True, create_in_didomi=True)
    if left != "didomi":
        engine.didomi.nodes.clear()
    if left != "actito":
        engine.actito.profiles.clear()
    engine.departures = Departures()
    engine.say(ANN, ErasureWord("olga", DeletionPolicy.OPT_OUT))
    await turn(engine)

    assert [len(engine.didomi.nodes), len(engine.actito.profiles)] == [
        left == "didomi",
        left == "actito",
    ]
    assert engine.forgotten == [ANN]
