"""Turns that wait for better times: no attempt is counted, nothing is given up, refusals first."""

from collections.abc import Sequence

import pytest

from consent_sync.domain.consent import Choice
from consent_sync.domain.erasure import DeletionPolicy
from consent_sync.domain.errors import CredentialError, NotNowError, TemporaryError
from consent_sync.domain.events import DidomiItem, EventKind
from consent_sync.domain.identity import Side
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import HOUR, MINUTE, SECOND
from consent_sync.domain.profile import ProfileChange
from consent_sync.domain.retry import waits_until
from consent_sync.domain.verdicts import Verdict
from consent_sync.ports.platforms import ConsentDraft
from consent_sync.services.deletion import Departures
from tests.doubles.clock import SettableClock
from tests.doubles.engine import Engine
from tests.doubles.mappings import EMAIL, MARKETING, a_line, a_mapping
from tests.doubles.platforms import ActitoWorld, DidomiWorld, Profile

ANN = "ann@example.com"
YES, NO = Choice.GRANTED, Choice.DENIED
REST = NotNowError("Actito is not called for now: it is in trouble", retry_after=5, ahead=1)


class Resting(ActitoWorld):
    """Answers writes with this while there is one."""

    error: TemporaryError | None = REST

    async def update(
        self, mapping: Mapping, key: str, change: ProfileChange, *, after_look: bool
    ) -> str:
        if self.error is not None:
            raise self.error
        return await super().update(mapping, key, change, after_look=after_look)


class RestingDidomi(DidomiWorld):
    """Is not called at all."""

    async def send_events(self, mapping: Mapping, drafts: Sequence[ConsentDraft]) -> None:
        raise NotNowError("Didomi is not called for now", retry_after=5)


@pytest.fixture
def engine() -> Engine:
    engine = Engine(a_mapping())
    engine.actito = Resting(engine.clock)
    engine.actito.profiles[ANN] = Profile("1042", {"Newsletter": True})
    return engine


def resting(engine: Engine) -> Resting:
    assert isinstance(engine.actito, Resting)
    return engine.actito


@pytest.mark.parametrize("error", [REST, CredentialError("401")])
async def test_waiting_is_no_attempt_and_is_told_once(
    engine: Engine, error: TemporaryError
) -> None:
    """However long it lasts; afterwards the choice is carried over."""
    resting(engine).error = error
    engine.didomi.click(ANN, {EMAIL: NO})
    engine.deliver_all()
    for _ in range(5):
        await engine.take(ANN)
        engine.clock.advance(100 * 3600)
    settled = engine.lane(ANN).settlements[-1]
    told = [one for one in engine.entries(ANN) if one.verdict is Verdict.WAITING_RETRY]
    resting(engine).error = None
    await engine.take(ANN)

    assert settled.attempts == 0
    assert settled.summary.optout_waiting_since is not None
    assert len([one for one in told if one.line]) == 1
    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": False}


async def test_the_time_of_waiting_does_not_count_towards_giving_up(engine: Engine) -> None:
    """One real failure, four days of rest, another failure: it goes on."""
    resting(engine).error = TemporaryError("reset")
    engine.didomi.click(ANN, {EMAIL: NO})
    engine.deliver_all()
    await engine.take(ANN)
    resting(engine).error = NotNowError("rests", retry_after=96 * 3600)
    await engine.take(ANN)
    engine.clock.advance(96 * 3600)
    resting(engine).error = TemporaryError("reset")
    settled = await engine.take(ANN)

    assert settled is not None
    assert settled.attempts == 2
    assert engine.line(ANN, "Newsletter").failed == {}


async def test_the_first_failure_after_waiting_begins_to_count(engine: Engine) -> None:
    """A turn that waited for days has all its time left."""
    engine.didomi.click(ANN, {EMAIL: NO})
    engine.deliver_all()
    await engine.take(ANN)
    engine.clock.advance(100 * 3600)
    resting(engine).error = TemporaryError("reset")
    settled = await engine.take(ANN)

    assert settled is not None
    assert (settled.attempts, settled.first_failed_at) == (1, engine.clock.now())


async def test_a_real_failure_weighs_more_than_a_rest() -> None:
    """One side rests and the other one fails: that is an attempt."""
    lines = (a_line("Newsletter", EMAIL), a_line("DailyDeals", MARKETING))
    engine = Engine(a_mapping(*lines), didomi=RestingDidomi(SettableClock()))
    engine.actito = Resting(engine.clock)
    engine.actito.profiles[ANN] = Profile("1042", {"Newsletter": True, "DailyDeals": True})
    resting(engine).error = None
    engine.didomi.click(ANN, {EMAIL: YES, MARKETING: YES})
    await engine.run()
    engine.clock.advance(3600)
    resting(engine).error = TemporaryError("reset")
    engine.actito.click(ANN, "Newsletter", subscribe=False)
    engine.didomi.click(ANN, {MARKETING: NO})
    engine.deliver_all()
    settled = await engine.take(ANN)

    assert settled is not None
    assert settled.attempts == 1
    assert engine.observer.troubles == ["write: reset"]


@pytest.mark.parametrize(
    ("ahead", "urgent", "seconds"),
    [
        (0, True, 5),
        (1_000, True, 15),
        (0, False, 7),
        (1_000, False, 47),
        (10**6, True, 300),
        (10**6, False, 3600),
    ],
)
def test_the_more_wait_the_longer_each_does(ahead: int, urgent: bool, seconds: int) -> None:
    """Refusals before all others, and nobody longer than an hour."""
    due = waits_until(0, retry_after_seconds=5, ahead=ahead, urgent=urgent, fraction=0)

    assert due == seconds * SECOND


def test_a_wish_that_is_longer_is_honoured() -> None:
    """Nobody looks before the platform is asked again; without a wish, after a minute."""
    long = waits_until(0, retry_after_seconds=7200, ahead=0, urgent=True, fraction=0)
    unsaid = waits_until(0, retry_after_seconds=None, ahead=0, urgent=True, fraction=0)

    assert (long, unsaid) == (2 * HOUR, MINUTE)


# --- paused by an operator -----------------------------------------------------------------------


@pytest.fixture
def paused() -> Engine:
    """Writing to Actito is paused."""
    engine = Engine(a_mapping())
    engine.actito.profiles[ANN] = Profile("1042", {"Newsletter": True})
    engine.paused = frozenset({Side.ACTITO})
    return engine


@pytest.mark.parametrize("choice", [YES, NO])
async def test_a_choice_waits_while_its_side_is_paused(paused: Engine, choice: Choice) -> None:
    """It is taken in and decided; it is written when writing goes on."""
    paused.actito.profiles[ANN].subscriptions["Newsletter"] = choice is NO
    paused.didomi.click(ANN, {EMAIL: choice})
    await paused.run()
    settled = paused.lane(ANN).settlements[-1]
    calls = list(paused.actito.calls)
    paused.paused = frozenset()
    await paused.take(ANN)

    assert calls == []
    assert (settled.attempts, paused.lane(ANN).items) == (0, [])
    assert settled.first_failed_at is not None
    assert (settled.summary.optout_waiting_since is not None) is (choice is NO)
    assert paused.actito.profiles[ANN].subscriptions == {"Newsletter": choice is YES}


async def test_the_other_direction_goes_on(paused: Engine) -> None:
    """What is said in Actito is read there and written to Didomi."""
    paused.didomi.click(ANN, {EMAIL: YES})
    await paused.run()
    paused.clock.advance(3600)
    paused.actito.click(ANN, "Newsletter", subscribe=False)
    await paused.run()

    assert paused.didomi.holds(ANN, EMAIL) is NO


async def test_attributes_wait_too(paused: Engine) -> None:
    """Nothing at all is written to a side that is paused."""
    paused.didomi.click(ANN, {EMAIL: YES}, metadata={"brand": "north"})
    await paused.run()
    before = dict(paused.actito.profiles[ANN].attributes)
    paused.paused = frozenset()
    await paused.take(ANN)

    assert before == {}
    assert paused.actito.profiles[ANN].attributes == {"brand": "north"}


@pytest.mark.parametrize("policy", [DeletionPolicy.OPT_OUT, DeletionPolicy.DELETE])
async def test_nobody_is_erased_before_the_other_side_was_dealt_with(
    paused: Engine, policy: DeletionPolicy
) -> None:
    """Deleted in Didomi means a refusal or a deletion in Actito, which is paused."""
    paused.paused = frozenset()
    paused.didomi.click(ANN, {EMAIL: YES})
    await paused.run()
    paused.clock.advance(600)
    paused.paused, paused.departures = frozenset({Side.ACTITO}), Departures(policy)
    del paused.didomi.nodes[ANN]
    paused.receive(DidomiItem(EventKind.CONSENT_USER_DELETED, "user.deleted", ANN, "gdpr"))
    paused.deliver_all()
    await paused.take(ANN)
    before, there = list(paused.forgotten), ANN in paused.actito.profiles
    paused.paused = frozenset()
    await paused.take(ANN)
    profile = paused.actito.profiles.get(ANN)

    assert (before, there, paused.forgotten) == ([], True, [ANN])
    assert profile is None or profile.subscriptions == {"Newsletter": False}
    assert (profile is None) is (policy is DeletionPolicy.DELETE)
