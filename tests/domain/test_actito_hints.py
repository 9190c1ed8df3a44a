"""Actito's webhooks carry no time and prove little: what they may settle, and when they ask for a look."""

from dataclasses import replace

import pytest

from consent_sync.domain.actito_hints import Hint, came_back, fold_hint, merged_names, said_again
from consent_sync.domain.consent import WriteOutcome
from consent_sync.domain.events import ProfileHint
from consent_sync.domain.identity import Names
from consent_sync.domain.lines import Outcome
from consent_sync.domain.state import LineState, PersonState, Presence
from consent_sync.domain.verdicts import Verdict
from tests.domain.kit import (
    ACTITO,
    DIDOMI,
    NO,
    YES,
    a_context,
    a_hint,
    a_person,
    at,
    holds,
    received,
    said,
    wrote,
)
from tests.doubles.mappings import a_line

LINE = a_line()
SUBSCRIBED = LineState(latest={ACTITO: said(ACTITO, YES, 0)}, agreed={ACTITO: holds(YES, 0)})
OUR_YES = LineState(
    latest={DIDOMI: said(DIDOMI, YES, 0)},
    agreed={ACTITO: holds(YES, 10, confirmed=False)},
    writes=(wrote(ACTITO, YES, 10),),
)


def fold(known: LineState, hint: Hint, **more: object) -> Outcome:
    return fold_hint(a_person(LINE, known, **more), hint, a_context(now=100))


def test_a_webhook_that_shows_what_is_agreed_is_an_echo() -> None:
    """It costs no call and plans nothing."""
    assert fold(SUBSCRIBED, a_hint(50, Newsletter=True)).verdict is Verdict.ECHO


def test_a_webhook_that_shows_our_write_confirms_it() -> None:
    """From then on nothing has to be looked for."""
    outcome = fold(OUR_YES, a_hint(50, Newsletter=True))

    assert outcome.verdict is Verdict.CONFIRMED
    assert outcome.state.lines["Newsletter"].agreed[ACTITO].confirmed


def test_a_webhook_that_shows_something_else_asks_for_a_look() -> None:
    """The reading decides, not the webhook: it may be old."""
    outcome = fold(SUBSCRIBED, a_hint(50, Newsletter=False))

    assert outcome.verdict is None
    assert outcome.state.lines["Newsletter"].latest[ACTITO].choice is YES


def test_somebody_never_read_before_is_looked_at() -> None:
    """Nothing is agreed with a stranger."""
    outcome = fold_hint(PersonState(), a_hint(50, Newsletter=True), a_context())

    assert outcome.verdict is None


def test_a_webhook_is_no_echo_while_the_profile_was_missing() -> None:
    """It may tell that the profile has been created."""
    outcome = fold(SUBSCRIBED, a_hint(50, Newsletter=True), profile=Presence.MISSING)

    assert outcome.verdict is None


def test_an_unclear_write_of_the_opposite_makes_an_echo_doubtful() -> None:
    """Our refusal may have landed meanwhile: only a look tells."""
    unclear = replace(SUBSCRIBED, writes=(wrote(ACTITO, NO, 20, WriteOutcome.UNCLEAR),))

    assert fold(unclear, a_hint(50, Newsletter=True)).verdict is None


def test_a_webhook_about_a_baseline_just_seen_may_be_the_change_itself() -> None:
    """Nobody has counted that change as a choice yet, so it is not brushed aside as an echo."""
    baseline = LineState(agreed={ACTITO: holds(NO, 40)})

    assert fold(baseline, a_hint(50, Newsletter=False)).verdict is None
    assert fold(baseline, a_hint(40 + 3601, Newsletter=False)).verdict is Verdict.ECHO


def test_a_webhook_about_attributes_that_we_sent_is_an_echo() -> None:
    """What we wrote ourselves is no reason to read the profile."""
    names = Names(actito_key="ann@example.com")
    ours = ProfileHint(names, {}, {"customerId": "ann@example.com", "tier": "Gold"})
    theirs = ProfileHint(names, {}, {"tier": "Silver"})

    for content, verdict in ((ours, Verdict.ECHO), (theirs, None)):
        hint = Hint(received(content, 50), content)
        assert fold(SUBSCRIBED, hint, sent={"tier": "gold"}).verdict is verdict


def test_a_repeated_refusal_reaches_up_to_its_webhook() -> None:
    """Nobody can tell a doubled webhook from somebody who refuses once more."""
    refused = LineState(latest={ACTITO: said(ACTITO, NO, 0)}, agreed={ACTITO: holds(NO, 0)})
    outcome = fold(refused, a_hint(50, Newsletter=False))

    assert outcome.verdict is Verdict.ECHO
    assert outcome.state.lines["Newsletter"].latest[ACTITO].not_after == at(50)


def test_the_echo_of_our_own_refusal_does_not_make_theirs_later() -> None:
    """Within the time that a webhook may take, it is ours that comes back."""
    refused = LineState(latest={ACTITO: said(ACTITO, NO, 0)}, writes=(wrote(ACTITO, NO, 20),))

    assert said_again(refused, NO, at(50), a_context()) is refused
    assert said_again(refused, NO, at(20 + 3601), a_context()) is not refused


def test_a_repeated_agreement_is_not_made_later() -> None:
    """A webhook may be old: what cannot be placed counts as early for a yes."""
    assert said_again(SUBSCRIBED, YES, at(50), a_context()) is SUBSCRIBED


def test_a_choice_shown_once_more_is_tried_once_more() -> None:
    """What had failed on the other side gets a new chance when its webhook is replayed."""
    failed = replace(SUBSCRIBED, failed={DIDOMI: "refused for good"})
    outcome = fold(failed, a_hint(50, Newsletter=True))

    assert outcome.state.lines["Newsletter"].failed == {}


def test_names_are_completed_and_never_emptied() -> None:
    """What a webhook leaves out stays as it was known."""
    known = Names("ann@example.com", "Ann@Example.com", "1042")

    assert merged_names(known, Names(profile_id="2000")) == replace(known, profile_id="2000")
    assert merged_names(known, Names()) is known


BOTH_REFUSE = LineState(latest={DIDOMI: said(DIDOMI, NO, 0)}, agreed={ACTITO: holds(NO, 0)})


@pytest.mark.parametrize(
    ("known", "hints", "user", "comes"),
    [
        (BOTH_REFUSE, [a_hint(50, Newsletter=True)], Presence.PRESENT, True),
        (BOTH_REFUSE, [a_hint(50, Newsletter=True)], Presence.UNKNOWN, True),
        (BOTH_REFUSE, [a_hint(50, Newsletter=True)], Presence.MISSING, False),
        (BOTH_REFUSE, [], Presence.PRESENT, False),
        (BOTH_REFUSE, [a_hint(50, Newsletter=False)], Presence.PRESENT, False),
        (BOTH_REFUSE, [a_hint(50, Other=True)], Presence.PRESENT, False),
        (
            BOTH_REFUSE,
            [a_hint(50, Newsletter=False), a_hint(60, Newsletter=True)],
            Presence.PRESENT,
            True,
        ),
        (
            replace(BOTH_REFUSE, agreed={ACTITO: holds(YES, 0)}),
            [a_hint(50, Newsletter=True)],
            Presence.PRESENT,
            False,
        ),
        (replace(BOTH_REFUSE, agreed={}), [a_hint(50, Newsletter=True)], Presence.PRESENT, False),
        (replace(BOTH_REFUSE, latest={}), [a_hint(50, Newsletter=True)], Presence.PRESENT, False),
        (
            replace(BOTH_REFUSE, latest={DIDOMI: said(DIDOMI, YES, 0)}),
            [a_hint(50, Newsletter=True)],
            Presence.PRESENT,
            False,
        ),
    ],
)
def test_a_yes_over_a_no_of_both_sides_makes_didomi_worth_a_look(
    known: LineState, hints: list[Hint], user: Presence, comes: bool
) -> None:
    """She may have agreed there as well; where both do not refuse, or nobody is there, it is not."""
    assert came_back(a_person(LINE, known, user=user), hints, a_context(now=100)) is comes


@pytest.mark.parametrize(
    ("arrived", "reaches"), [(0, 0), (20, 20), (20.001, 0), (3620, 0), (3620.001, 3620.001)]
)
def test_a_doubled_no_reaches_further_only_where_it_is_no_echo(
    arrived: float, reaches: float
) -> None:
    """From just after our own no until the longest delay of a webhook it may be one."""
    known = LineState(
        latest={ACTITO: said(ACTITO, NO, 0)},
        agreed={ACTITO: holds(NO, 20)},
        writes=(wrote(ACTITO, NO, 20),),
    )
    after = said_again(known, NO, at(arrived), a_context())

    assert after.latest[ACTITO].not_after == at(reaches)
