"""Turns of one person between two small worlds: the rules as a privacy officer would tell them."""

import hashlib
from dataclasses import replace

import pytest

from consent_sync.domain.consent import Choice, Pick
from consent_sync.domain.identity import Normalise
from consent_sync.domain.mapping import AttributeRules, CreateFor, SyncMode
from consent_sync.domain.moments import SECOND
from consent_sync.domain.verdicts import Verdict
from tests.doubles.engine import Engine
from tests.doubles.mappings import EMAIL, MARKETING, NEWS, SPORT, a_line, a_mapping
from tests.doubles.platforms import Profile

ANN = "ann@example.com"
YES, NO, NONE = Choice.GRANTED, Choice.DENIED, Choice.NONE


@pytest.fixture
def engine() -> Engine:
    """One two-way line on e-mail, and Ann with an empty profile."""
    engine = Engine(a_mapping())
    engine.actito.profiles[ANN] = Profile("1042")
    return engine


def verdicts(engine: Engine, person: str = ANN) -> list[Verdict]:
    return [entry.verdict for entry in engine.entries(person)]


async def test_an_opt_in_looks_first_and_is_written_once(engine: Engine) -> None:
    """A yes in Didomi costs one look and one write in Actito, and its echo costs nothing."""
    engine.didomi.click(ANN, {EMAIL: YES})

    await engine.run()

    assert engine.actito.calls == ["read", "update"]
    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": True}
    assert engine.didomi.calls == []
    assert verdicts(engine)[-1] is Verdict.CONFIRMED


async def test_an_opt_out_goes_straight_out(engine: Engine) -> None:
    """A no in Didomi costs one write and no look."""
    engine.actito.profiles[ANN].subscriptions["Newsletter"] = True
    engine.didomi.click(ANN, {EMAIL: NO})

    await engine.run()

    assert engine.actito.calls == ["update"]
    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": False}


async def test_ten_clicks_are_one_write(engine: Engine) -> None:
    """A burst of clicks that waits together is written once."""
    for number in range(10):
        engine.clock.advance(1)
        engine.didomi.click(ANN, {EMAIL: YES if number % 2 else NO})

    await engine.run()

    assert engine.actito.calls == ["read", "update"]
    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": True}


async def test_an_unsubscribe_in_actito_comes_back_to_didomi(engine: Engine) -> None:
    """A no in Actito is read once and written to Didomi as one event."""
    engine.didomi.click(ANN, {EMAIL: YES})
    await engine.run()
    engine.clock.advance(600)
    engine.actito.calls.clear()
    engine.actito.click(ANN, "Newsletter", subscribe=False)

    await engine.run()

    assert engine.didomi.holds(ANN, EMAIL) is NO
    assert engine.didomi.calls == ["send"]
    assert engine.actito.calls == ["read"]


async def test_a_resubscribe_in_actito_wins_over_the_older_refusal(engine: Engine) -> None:
    """What we wrote, they knew: a yes after our written no is the newest choice."""
    engine.didomi.click(ANN, {EMAIL: NO})
    await engine.run()
    engine.clock.advance(60)
    engine.actito.click(ANN, "Newsletter", subscribe=True)

    await engine.run()

    assert engine.didomi.holds(ANN, EMAIL) is YES
    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": True}


async def test_a_late_old_yes_does_not_wake_the_dead(engine: Engine) -> None:
    """An opt-in delivered hours late, beside a newer refusal, changes nothing."""
    engine.didomi.click(ANN, {EMAIL: YES})
    late = engine.didomi.outbox.pop()
    engine.clock.advance(3600)
    engine.didomi.click(ANN, {EMAIL: NO})
    await engine.run()
    engine.clock.advance(3600)
    engine.receive(late)

    await engine.run()

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": False}
    assert engine.entries(ANN)[-1].verdict is Verdict.OLDER


async def test_a_late_yes_beside_a_no_seen_at_first_sight_is_held(engine: Engine) -> None:
    """A yes that took hours to arrive does not overrule a no that Actito is seen to hold."""
    engine.actito.profiles[ANN].subscriptions["Newsletter"] = False
    engine.didomi.click(ANN, {EMAIL: YES})
    engine.clock.advance(7200)

    await engine.run()

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": False}
    assert engine.line(ANN, "Newsletter").held == "held_review"
    assert Verdict.HELD_REVIEW in verdicts(engine)
    assert engine.lane(ANN).settlements[-1].summary.held == 1


async def test_unknown_people_are_left_alone_and_picked_up_when_they_appear(
    engine: Engine,
) -> None:
    """Without upsert mode nothing is created; the choice is applied when the profile appears."""
    engine.didomi.click("bob@example.com", {EMAIL: YES})
    await engine.run()

    assert "bob@example.com" not in engine.actito.profiles
    assert engine.entries("bob@example.com")[-1].verdict is Verdict.NO_PROFILE

    engine.actito.profiles["bob@example.com"] = Profile("77")
    engine.actito.click("bob@example.com", "Other", subscribe=True)
    await engine.run()

    assert engine.actito.profiles["bob@example.com"].subscriptions["Newsletter"] is True


@pytest.mark.parametrize(
    ("create_for", "choice", "created"),
    [
        (CreateFor.ANY, YES, True),
        (CreateFor.ANY, NO, True),
        (CreateFor.GRANTED, YES, True),
        (CreateFor.GRANTED, NO, False),
    ],
)
async def test_upsert_mode_creates_for_the_choices_it_names(
    engine: Engine, create_for: CreateFor, choice: Choice, created: bool
) -> None:
    """With upsert mode an unknown person gets a profile, a refusal alone only where allowed."""
    engine.with_mapping(upsert_mode=True, create_for=create_for)
    engine.didomi.click("bob@example.com", {EMAIL: choice}, metadata={"brand": "north"})

    await engine.run()

    assert ("bob@example.com" in engine.actito.profiles) is created
    if created:
        profile = engine.actito.profiles["bob@example.com"]
        assert profile.subscriptions == {"Newsletter": choice is YES}
        assert profile.attributes == {"brand": "north"}


async def test_metadata_becomes_attributes_as_the_file_allows(engine: Engine) -> None:
    """Allowed and renamed keys are written with the choice; blank and unknown ones are not."""
    rules = AttributeRules(
        frozenset({"tier", "brand", "shoe"}), frozenset(), {"tier": "loyaltyTier"}
    )
    engine.with_mapping(attributes=rules)
    metadata = {"tier": "gold", "brand": " ", "shoe": "43", "secret": "x"}
    engine.didomi.click(ANN, {EMAIL: NO}, metadata=metadata)

    await engine.run()

    assert engine.actito.profiles[ANN].attributes == {"loyaltyTier": "gold"}
    assert engine.actito.calls == ["update"]
    assert any("shoe" in entry.reason for entry in engine.entries(ANN))


async def test_another_regulation_changes_nothing(engine: Engine) -> None:
    """A choice under a regulation that the file does not take leaves every line as it was."""
    engine.didomi.click(ANN, {EMAIL: YES}, regulation="cpra")

    await engine.run()

    assert engine.actito.calls == []
    assert engine.lane(ANN).state.lines == {}
    assert verdicts(engine) == [Verdict.BLOCKED_REGULATION]


async def test_pending_choices_wait_for_their_approval(engine: Engine) -> None:
    """A pending event changes nothing; once approved it counts, with its original time."""
    item = engine.didomi.click(ANN, {EMAIL: YES}, status="pending_approval")
    await engine.run()

    assert verdicts(engine) == [Verdict.HELD_PENDING]
    assert engine.actito.calls == []

    engine.clock.advance(900)
    engine.receive(engine.didomi.approve(item))
    await engine.run()

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": True}


@pytest.mark.parametrize(
    ("sync", "actito_says", "ends"),
    [
        (SyncMode.TWO_WAY, True, (True, YES)),
        (SyncMode.TWO_WAY_STRICT, True, (False, NO)),
        (SyncMode.TO_ACTITO, True, (False, NO)),
        (SyncMode.TO_DIDOMI, True, (True, YES)),
        (SyncMode.OFF, True, (True, NO)),
    ],
)
async def test_sync_modes_after_a_refusal_in_didomi(
    sync: SyncMode, actito_says: bool, ends: tuple[bool, Choice]
) -> None:
    """A yes in Actito after a no in Didomi counts as the line's mode says."""
    engine = Engine(a_mapping(a_line(sync=sync)))
    engine.actito.profiles[ANN] = Profile("1042")
    engine.actito.profiles[ANN].subscriptions["Newsletter"] = False
    engine.didomi.click(ANN, {EMAIL: NO})
    await engine.run()
    engine.clock.advance(7200)
    engine.actito.click(ANN, "Newsletter", subscribe=actito_says)
    await engine.run()

    subscribed = engine.actito.profiles[ANN].subscriptions["Newsletter"]

    assert (subscribed, engine.didomi.holds(ANN, EMAIL)) == ends


async def test_an_inverted_line_writes_the_opposite(engine: Engine) -> None:
    """On an inverted line, agreeing in Didomi takes the subscription away."""
    engine.with_mapping(lines=(a_line(inverted=True),))
    engine.didomi.click(ANN, {EMAIL: NO})
    await engine.run()

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": True}


async def test_a_list_is_rebuilt_whole_from_a_fresh_look(engine: Engine) -> None:
    """A refusal of one topic in Actito keeps the other topics in Didomi as they are now."""
    sport, news = a_line("SportNews", SPORT), a_line("News", NEWS)
    engine.with_mapping(lines=(sport, news))
    topics = Pick("marketing", "topics")
    engine.didomi.click(ANN, {}, {topics: frozenset({"sport", "news"})})
    await engine.run()
    engine.clock.advance(600)
    engine.didomi.click(ANN, {}, {topics: frozenset({"sport", "news", "culture"})})
    engine.didomi.outbox.clear()  # this webhook is lost
    engine.clock.advance(10)
    engine.actito.click(ANN, "SportNews", subscribe=False)
    await engine.run()

    assert engine.didomi.picks[ANN][topics][0] == {"news", "culture"}


async def test_one_bad_subscription_does_not_stop_the_others() -> None:
    """A write that is refused for good is split until only the bad line has failed."""
    engine = Engine(a_mapping(a_line(), a_line("Gone", MARKETING)))
    engine.actito.profiles[ANN] = Profile("1042")
    engine.actito.bad_subscriptions = {"Gone"}
    engine.didomi.click(ANN, {EMAIL: NO, MARKETING: NO})

    await engine.run()

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": False}
    assert engine.line(ANN, "Gone").failed
    assert engine.lane(ANN).settlements[-1].summary.failed == 1


async def test_an_outage_is_survived(engine: Engine) -> None:
    """While Actito answers nothing the choice waits; afterwards it is applied."""
    engine.didomi.click(ANN, {EMAIL: YES})
    engine.actito.faults.queue.extend(["temporary"] * 5)

    await engine.run()

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": True}
    assert Verdict.WAITING_RETRY in verdicts(engine)


async def test_an_outage_that_does_not_end_is_said(engine: Engine) -> None:
    """After the set time the choice is given up as failed, and stays visible."""
    engine.didomi.click(ANN, {EMAIL: NO})
    engine.actito.faults.queue.extend(["temporary"] * 1000)

    await engine.run(rounds=1000)

    assert engine.line(ANN, "Newsletter").failed
    assert verdicts(engine)[-1] is Verdict.FAILED
    assert engine.lane(ANN).settlements[-1].summary.optout_waiting_since is not None


@pytest.mark.parametrize("fault", ["unclear, landed", "unclear, lost", "crash", "crash before"])
@pytest.mark.parametrize("choice", [YES, NO])
async def test_an_unclear_write_is_looked_at_before_it_is_repeated(
    engine: Engine, fault: str, choice: Choice
) -> None:
    """Whether or not it landed, the choice ends up there, and Didomi hears nothing."""
    faults = [fault] if choice is NO else ["", fault]
    engine.actito.faults.queue.extend(faults)
    engine.didomi.click(ANN, {EMAIL: choice})

    await engine.run()

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": choice is YES}
    assert "send" not in engine.didomi.calls


async def test_a_no_that_did_not_take_is_written_again(engine: Engine) -> None:
    """A 200 that changed nothing is found by the look that follows when nothing confirms it."""
    engine.actito.profiles[ANN].subscriptions["Newsletter"] = True
    engine.actito.faults.queue.append("did nothing")
    engine.didomi.click(ANN, {EMAIL: NO})
    await engine.run()
    due_at = engine.lane(ANN).due_at
    assert due_at is not None
    engine.clock.time = due_at
    await engine.take(ANN)
    await engine.run()

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": False}
    assert engine.didomi.holds(ANN, EMAIL) is NO


async def test_an_opt_out_run_over_between_look_and_write_stands(engine: Engine) -> None:
    """A no in Actito that our yes ran over within the same instants is put back."""
    engine.didomi.click(ANN, {EMAIL: YES})
    await engine.run()
    engine.clock.advance(5)
    engine.actito.click(ANN, "Newsletter", subscribe=False)
    engine.actito.profiles[ANN].subscriptions["Newsletter"] = True  # our write came after it

    await engine.run()

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": False}
    assert engine.didomi.holds(ANN, EMAIL) is NO
    assert Verdict.CONFLICT_STRICTEST in verdicts(engine)


async def test_two_spellings_of_one_person_are_refused_together_and_never_agreed(
    engine: Engine,
) -> None:
    """A no in Actito goes to every Didomi spelling; a yes waits for somebody's decision."""
    engine.with_mapping(normalise=Normalise.LOWER)
    engine.didomi.click(ANN, {EMAIL: YES})
    engine.didomi.click("Ann@example.com", {EMAIL: YES})
    await engine.run()
    engine.clock.advance(600)
    engine.actito.click(ANN, "Newsletter", subscribe=False)
    await engine.run()

    assert engine.didomi.holds(ANN, EMAIL) is NO
    assert engine.didomi.holds("Ann@example.com", EMAIL) is NO

    engine.clock.advance(600)
    engine.actito.click(ANN, "Newsletter", subscribe=True)
    await engine.run()

    assert engine.didomi.holds(ANN, EMAIL) is NO
    assert engine.line(ANN, "Newsletter").held == "ambiguous_person"


async def test_an_actito_event_creates_nobody_in_didomi(engine: Engine) -> None:
    """A person whom Didomi does not know stays unknown there."""
    engine.actito.click(ANN, "Newsletter", subscribe=True)

    await engine.run()

    assert engine.didomi.nodes == {}
    assert engine.didomi.calls == ["read"]


async def test_a_second_run_over_the_same_input_writes_nothing(engine: Engine) -> None:
    """Repeated webhooks of both sides cause no call that writes."""
    item = engine.didomi.click(ANN, {EMAIL: YES})
    await engine.run()
    engine.actito.calls.clear()
    engine.receive(item)
    engine.actito.click(ANN, "Newsletter", subscribe=True)

    await engine.run()

    assert engine.actito.calls == []
    assert engine.didomi.calls == []


async def test_a_line_turned_round_in_the_file_changes_nobody(engine: Engine) -> None:
    """After `inverted` is switched, what was known before means nothing: no choice appears."""
    engine.didomi.click(ANN, {EMAIL: NO})
    await engine.run()
    engine.with_mapping(lines=(a_line(inverted=True),))
    engine.clock.advance(600)
    engine.actito.click(ANN, "Other", subscribe=True)

    await engine.run()

    assert engine.didomi.holds(ANN, EMAIL) is NO
    assert engine.actito.profiles[ANN].subscriptions["Newsletter"] is False
    assert engine.line(ANN, "Newsletter").latest == {}


async def test_a_refusal_repeated_after_agreeing_elsewhere_stands(engine: Engine) -> None:
    """No in Actito, yes in Didomi, no in Actito again: the last one counts, though nothing changed."""
    engine.didomi.click(ANN, {EMAIL: YES})
    await engine.run()
    engine.clock.advance(600)
    engine.actito.click(ANN, "Newsletter", subscribe=False)
    await engine.run()
    engine.clock.advance(600)
    engine.didomi.click(ANN, {EMAIL: YES})
    engine.clock.advance(5)
    engine.actito.click(ANN, "Newsletter", subscribe=False)
    await engine.run()

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": False}
    assert engine.didomi.holds(ANN, EMAIL) is NO


@pytest.mark.parametrize("spelling", ["Ann@Example.com", "ann@example.com"])
@pytest.mark.parametrize("choice", [YES, NO])
async def test_letter_case_does_not_hide_a_profile(
    engine: Engine, spelling: str, choice: Choice
) -> None:
    """However Actito spells the key, as Didomi does or normalised, the profile is found."""
    engine.with_mapping(normalise=Normalise.LOWER)
    engine.actito.profiles = {spelling: Profile("7", {"Newsletter": choice is NO})}
    engine.didomi.click("Ann@Example.com", {EMAIL: choice})

    await engine.run()

    assert engine.actito.profiles[spelling].subscriptions == {"Newsletter": choice is YES}


async def test_a_hashed_person_waits_until_the_key_itself_is_seen(engine: Engine) -> None:
    """With hashed ids nothing can be addressed in Actito until a webhook shows whose hash it is."""
    engine.with_mapping(normalise=Normalise.SHA256)
    hashed = hashlib.sha256(ANN.encode()).hexdigest()
    engine.didomi.click(hashed.upper(), {EMAIL: YES})
    await engine.run()

    assert engine.actito.calls == []
    assert verdicts(engine, hashed)[-1] is Verdict.NO_PROFILE

    engine.actito.click(ANN, "Other", subscribe=True)
    await engine.run()

    assert engine.actito.profiles[ANN].subscriptions["Newsletter"] is True

    engine.clock.advance(600)
    engine.actito.click(ANN, "Newsletter", subscribe=False)
    await engine.run()

    assert engine.didomi.holds(hashed.upper(), EMAIL) is NO


async def test_a_user_shown_as_before_our_refusal_is_no_news(engine: Engine) -> None:
    """An old yes makes Didomi post its user; the refusal we wrote meanwhile is not undone by it."""
    engine.actito.click(ANN, "Newsletter", subscribe=False)
    await engine.run()
    engine.clock.advance(600)
    engine.didomi.skew = -7 * 86_400 * SECOND
    engine.didomi.click(ANN, {EMAIL: YES})
    shown = replace(engine.didomi.shown(ANN), updated_at=engine.clock.now())
    engine.clock.advance(1)
    await engine.run()
    engine.receive(shown)
    await engine.run()

    assert engine.didomi.holds(ANN, EMAIL) is NO
    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": False}
