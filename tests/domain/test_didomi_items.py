"""What Didomi's webhooks mean for one person, and the word and reason each of them ends in."""

from dataclasses import replace

import pytest

from consent_sync.domain.consent import ConsentTree, Pick, WriteOutcome
from consent_sync.domain.didomi_items import fold_didomi_item
from consent_sync.domain.events import DidomiItem, EventKind, Origin
from consent_sync.domain.lines import Outcome
from consent_sync.domain.mapping import SyncMode
from consent_sync.domain.own_events import own_event_id
from consent_sync.domain.state import LineState, PersonState, Presence
from consent_sync.domain.verdicts import Verdict
from tests.domain.kit import (
    ACTITO,
    ANN,
    DIDOMI,
    NO,
    NONE,
    YES,
    a_context,
    a_person,
    a_snapshot,
    a_webhook,
    an_event,
    at,
    holds,
    received,
    said,
    wrote,
)
from tests.doubles.mappings import EMAIL, MARKETING, SPORT, a_line, a_mapping

LINE = a_line()
UNKNOWN = PersonState()
AGREED = a_person(
    LINE, LineState(latest={DIDOMI: said(DIDOMI, YES, 0)}, agreed={DIDOMI: holds(YES, 0)})
)


def fold(content: DidomiItem, state: PersonState = UNKNOWN, *, when: float = 100) -> Outcome:
    return fold_didomi_item(state, received(content, when), content, a_context(now=when))


# --- a consent event -----------------------------------------------------------------------------


def test_an_event_is_a_statement_made_at_its_own_time() -> None:
    """Arrival plays no part in when it was made, only in how long it was under way."""
    outcome = fold(a_webhook(an_event(40, {EMAIL: NO})))
    statement = outcome.state.lines["Newsletter"].latest[DIDOMI]

    assert (statement.choice, statement.not_before, statement.not_after) == (NO, at(40), at(40))
    assert statement.delay == at(60) - at(0)
    assert outcome.touched == {"Newsletter"}


def test_an_event_of_the_future_was_made_when_it_was_received_at_the_latest() -> None:
    """A wrong clock of the sender cannot make a yes newer than it can be."""
    outcome = fold(a_webhook(an_event(500, {EMAIL: YES})), when=100)

    assert outcome.state.lines["Newsletter"].latest[DIDOMI].not_after == at(100)


def test_an_event_without_a_choice_on_a_mapped_node_says_nothing() -> None:
    """None is neither yes nor no, and what the file does not map is nobody's business here."""
    outcome = fold(a_webhook(an_event(40, {MARKETING: NO})))

    assert outcome.verdict is Verdict.NOT_MAPPED
    assert outcome.state.lines == {}


def test_another_regulation_leaves_everything_as_it_was() -> None:
    """The firewall: such an event does not even tell us the person's name."""
    outcome = fold(a_webhook(an_event(40, {EMAIL: NO}), regulation="cpra"))

    assert outcome.verdict is Verdict.BLOCKED_REGULATION
    assert outcome.state is UNKNOWN


def test_an_older_event_changes_nothing() -> None:
    """Didomi's choices are ordered by Didomi's dates, in whatever order they arrive."""
    outcome = fold(a_webhook(an_event(-50, {EMAIL: NO})), AGREED)

    assert outcome.verdict is Verdict.OLDER
    assert outcome.state.lines["Newsletter"].latest[DIDOMI].choice is YES


def test_of_two_events_of_one_moment_the_refusal_counts() -> None:
    """Equal dates: denied, whichever of them comes first."""
    refused = fold(a_webhook(replace(an_event(0, {EMAIL: NO}), id="second")), AGREED)
    again = fold(a_webhook(replace(an_event(0, {EMAIL: YES}), id="third")), refused.state)

    assert refused.state.lines["Newsletter"].latest[DIDOMI].choice is NO
    assert again.state.lines["Newsletter"].latest[DIDOMI].choice is NO


def test_a_pending_choice_waits_and_counts_from_its_own_time_once_confirmed() -> None:
    """A double opt-in that takes an hour is not late: its first webhook came in time."""
    pending = fold(a_webhook(an_event(40, {EMAIL: YES}, status="pending_approval")), when=41)
    done = fold(a_webhook(an_event(40, {EMAIL: YES})), pending.state, when=3600)
    statement = done.state.lines["Newsletter"].latest[DIDOMI]

    assert pending.verdict is Verdict.HELD_PENDING
    assert pending.state.lines == {}
    assert (statement.not_before, statement.delay) == (at(40), at(1) - at(0))
    assert done.state.pending == {}


def test_a_status_of_the_future_is_not_applied() -> None:
    """What a new status means is not guessed at."""
    outcome = fold(a_webhook(an_event(40, {EMAIL: YES}, status="revoked")))

    assert (outcome.verdict, outcome.state.lines) == (Verdict.HELD_PENDING, {})
    assert "status this version does not know" in outcome.reason


def test_our_own_event_coming_back_is_no_choice() -> None:
    """It confirms what we wrote, and nobody has said anything."""
    origin = Origin("brand-a", "ann@example.com", "basis", at(30), at(30))
    event = replace(an_event(40, {EMAIL: NO}), id=own_event_id(ANN, "basis"), origin=origin)
    outcome = fold(a_webhook(event))

    assert outcome.verdict is Verdict.CONFIRMED
    assert outcome.state.lines["Newsletter"].latest == {}
    assert outcome.state.lines["Newsletter"].agreed[DIDOMI].choice is NO


def test_a_yes_older_than_a_no_that_didomi_was_seen_to_hold_was_taken_back() -> None:
    """No event ever told us of that no, but the look did: it is the newer choice."""
    seen = a_person(LINE, LineState(agreed={DIDOMI: holds(NO, 60)}))
    outcome = fold(a_webhook(an_event(40, {EMAIL: YES})), seen)

    assert outcome.state.lines["Newsletter"].latest[DIDOMI].choice is NO


def test_a_yes_that_counts_only_in_actito_is_said_to() -> None:
    """On a line that flows to Didomi only, an agreement given there raises nothing."""
    mapping = a_mapping(a_line(sync=SyncMode.TO_DIDOMI))
    content = a_webhook(an_event(40, {EMAIL: YES}))
    outcome = fold_didomi_item(UNKNOWN, received(content, 41), content, a_context(mapping))

    assert outcome.verdict is Verdict.NO_CHANGE
    assert "counts only when given in Actito" in outcome.reason


# --- a list --------------------------------------------------------------------------------------


def test_an_option_left_out_of_a_chosen_list_is_refused() -> None:
    """A page saves its whole list: what is not ticked was chosen not to be."""
    mapping = a_mapping(a_line("SportNews", SPORT))
    tree = ConsentTree(picks={Pick("marketing", "topics"): frozenset({"news"})})
    content = a_webhook(an_event(40, {}, tree=tree))
    outcome = fold_didomi_item(UNKNOWN, received(content, 41), content, a_context(mapping))

    assert outcome.state.lines["SportNews"].latest[DIDOMI].choice is NO


@pytest.mark.parametrize(
    ("known", "verdict"),
    [
        (LineState(), Verdict.NOT_MAPPED),
        (LineState(agreed={DIDOMI: holds(NO, 0)}), Verdict.NO_CHANGE),
    ],
    ids=["never asked", "refused before"],
)
def test_an_option_left_out_of_another_engines_list_is_nobodys_refusal(
    known: LineState, verdict: Verdict
) -> None:
    """An engine sends on what it knows; what it leaves out may never have been asked."""
    line = a_line("SportNews", SPORT)
    tree = ConsentTree(picks={Pick("marketing", "topics"): frozenset({"news"})})
    origin = Origin("brand-b", "ann@example.com", "basis", at(30), at(30))
    content = a_webhook(an_event(40, {}, tree=tree, origin=origin))
    context = a_context(a_mapping(line))
    outcome = fold_didomi_item(a_person(line, known), received(content, 41), content, context)

    assert outcome.verdict is verdict
    assert DIDOMI not in outcome.state.lines["SportNews"].latest


# --- a user as it is shown -----------------------------------------------------------------------


def test_a_user_that_shows_what_is_known_ends_as_no_change() -> None:
    """Didomi posts the whole user for any change; that is nothing unmapped."""
    outcome = fold(a_snapshot(50, {EMAIL: YES}), AGREED)

    assert outcome.verdict is Verdict.NO_CHANGE
    assert outcome.reason == "what it says is already known"


def test_a_user_that_shows_nothing_mapped_is_not_mapped() -> None:
    """Only then: the file names none of what the user holds."""
    outcome = fold(a_snapshot(50, {MARKETING: YES}), AGREED)

    assert outcome.verdict is Verdict.NOT_MAPPED


def test_a_user_shown_as_it_was_before_is_older() -> None:
    """A snapshot from before what is known is history."""
    outcome = fold(a_snapshot(-50, {EMAIL: NO}), AGREED)

    assert outcome.verdict is Verdict.OLDER
    assert outcome.state.lines["Newsletter"].agreed[DIDOMI].choice is YES


def test_a_user_that_shows_our_write_confirms_it() -> None:
    """A look is spared: the write was answered, and now it is seen."""
    known = LineState(
        agreed={DIDOMI: holds(NO, 10, confirmed=False)}, writes=(wrote(DIDOMI, NO, 10),)
    )
    outcome = fold(a_snapshot(50, {EMAIL: NO}), a_person(LINE, known))

    assert outcome.verdict is Verdict.CONFIRMED
    assert outcome.state.lines["Newsletter"].agreed[DIDOMI].confirmed


def test_a_user_that_shows_a_write_whose_answer_was_lost_confirms_it() -> None:
    """Our own write is nobody's choice, however its answer got lost."""
    known = LineState(
        agreed={DIDOMI: holds(YES, 0)}, writes=(wrote(DIDOMI, NO, 10, WriteOutcome.UNCLEAR),)
    )
    outcome = fold(a_snapshot(50, {EMAIL: NO}), a_person(LINE, known))

    assert outcome.verdict is Verdict.CONFIRMED
    assert outcome.state.lines["Newsletter"].latest == {}


def test_a_user_that_shows_our_refusal_missing_is_no_new_yes() -> None:
    """The answer said it took; it did not, so it is to be written again."""
    known = LineState(
        latest={ACTITO: said(ACTITO, NO, 5)},
        agreed={DIDOMI: holds(NO, 10, confirmed=False)},
        writes=(wrote(DIDOMI, NO, 10),),
    )
    outcome = fold(a_snapshot(50, {EMAIL: YES}), a_person(LINE, known))

    assert outcome.verdict is Verdict.NO_CHANGE
    assert "did not take in Didomi; it is written again" in outcome.reason
    assert DIDOMI not in outcome.state.lines["Newsletter"].latest


def test_a_user_shown_while_our_write_was_on_its_way_makes_didomi_be_asked() -> None:
    """A no in it may be newer than our yes: nobody guesses, the look decides."""
    known = LineState(agreed={DIDOMI: holds(YES, 10)}, writes=(wrote(DIDOMI, YES, 49),))
    outcome = fold(a_snapshot(50, {EMAIL: NO}), a_person(LINE, known))

    assert outcome.doubtful
    assert "Didomi is asked itself" in outcome.reason


def test_a_user_shown_because_of_a_pending_choice_waits_like_it() -> None:
    """The state of that line is not a choice yet, whatever the user shows."""
    event = an_event(40, {EMAIL: YES}, status="pending_approval")
    outcome = fold(a_snapshot(50, {EMAIL: YES}, event=event))

    assert outcome.verdict is Verdict.HELD_PENDING
    assert outcome.touched == set()


def test_a_user_that_differs_is_a_choice_made_between_two_sights() -> None:
    """Its event was lost: the state it shows has come about since we last knew."""
    outcome = fold(a_snapshot(50, {EMAIL: NO}), AGREED)
    statement = outcome.state.lines["Newsletter"].latest[DIDOMI]

    assert (statement.choice, statement.not_before, statement.not_after) == (NO, at(0), at(50))


# --- deletions, names, metadata ------------------------------------------------------------------


@pytest.mark.parametrize("kind", [EventKind.CONSENT_EVENT_DELETED, EventKind.CONSENT_USER_DELETED])
def test_a_deletion_is_no_choice(kind: EventKind) -> None:
    """Nobody has refused anything by being deleted."""
    outcome = fold(DidomiItem(kind, "deleted", "ann@example.com", "gdpr"), AGREED)

    assert outcome.verdict is Verdict.NO_CHANGE
    assert outcome.state.lines["Newsletter"].latest == AGREED.lines["Newsletter"].latest


def test_after_a_user_was_deleted_didomi_is_believed_to_hold_nothing() -> None:
    """Another record of the same person may be left, so it is unknown, not missing."""
    content = DidomiItem(EventKind.CONSENT_USER_DELETED, "user.deleted", "ann@example.com", "gdpr")
    outcome = fold(content, AGREED)

    assert outcome.state.user is Presence.UNKNOWN
    assert outcome.state.lines["Newsletter"].agreed == {}


def test_every_spelling_is_remembered_the_newest_last() -> None:
    """A refusal has to reach each Didomi user that this person is."""
    first = fold(a_webhook(an_event(1, {EMAIL: YES})))
    content = replace(a_webhook(an_event(2, {EMAIL: YES})), ouid="Ann@example.com")
    second = fold(content, first.state)

    assert second.state.spellings == ("ann@example.com", "Ann@example.com")
    assert second.state.names.ouid == "Ann@example.com"


def test_metadata_is_wanted_by_didomis_date() -> None:
    """An older value that comes later does not replace a newer one."""
    newer = fold(a_webhook(an_event(50, {EMAIL: YES}), metadata={"tier": "gold"}))
    older = fold(a_webhook(an_event(40, {EMAIL: YES}), metadata={"tier": "tin"}), newer.state)

    assert older.state.wanted["tier"].value == "gold"


def test_a_choice_of_none_is_never_a_refusal() -> None:
    """A user that shows nothing for a node takes nothing back."""
    outcome = fold(a_snapshot(50, {EMAIL: NONE}), AGREED)

    assert outcome.state.lines["Newsletter"].latest[DIDOMI].choice is YES
