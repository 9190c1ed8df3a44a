"""What Didomi's webhooks and readings leave behind beside their choice: since when, and how sure."""

from dataclasses import replace

import pytest

from consent_sync.domain.consent import Agreed, Choice, ConsentTree, Pick, WriteOutcome
from consent_sync.domain.didomi_items import fold_didomi_item
from consent_sync.domain.didomi_looks import fold_user_reading
from consent_sync.domain.events import ConsentEvent, DidomiItem, EventKind, Origin, UserReading
from consent_sync.domain.lines import Outcome
from consent_sync.domain.mapping import Line
from consent_sync.domain.own_events import own_event_id
from consent_sync.domain.state import HeldList, LineState, PersonState, Presence
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
    a_user_reading,
    a_webhook,
    an_event,
    at,
    holds,
    received,
    said,
    wrote,
)
from tests.doubles.mappings import EMAIL, MARKETING, SMS, SPORT, a_line, a_mapping

LINE = a_line()
TOPIC = a_line("SportNews", SPORT)
TOPICS = Pick("marketing", "topics")
UNCLEAR = WriteOutcome.UNCLEAR


def fold(content: DidomiItem, state: PersonState, *, when: float = 100) -> Outcome:
    return fold_didomi_item(state, received(content, when), content, a_context(now=when))


def shown(known: LineState, content: DidomiItem, *, when: float = 100) -> LineState:
    return fold(content, a_person(LINE, known), when=when).state.lines["Newsletter"]


def look(known: LineState, seen: UserReading, line: Line = LINE) -> LineState:
    context = a_context(a_mapping(line), now=1000)
    return fold_user_reading(a_person(line, known), seen, context).lines[line.id]


def own(made: float | None, tree: ConsentTree) -> ConsentEvent:
    """Return an event of ours as Didomi sends it back."""
    return ConsentEvent(
        id=own_event_id(ANN, "basis"),
        created_at=None if made is None else at(made),
        status="confirmed",
        tree=tree,
        origin=Origin("brand-a", "ann@example.com", "basis", at(30), at(30)),
    )


def came_back(known: LineState, made: float | None) -> LineState:
    """Return the line after our own refusal of that date came back."""
    return shown(known, a_webhook(own(made, ConsentTree({EMAIL: NO}))))


# --- our own event comes back --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "made", "ends"),
    [
        (None, 40, (NO, at(40), True)),
        (None, None, (NO, at(100), True)),
        (holds(YES, 0), 40, (NO, at(40), True)),
        (holds(YES, 40), 40, (YES, at(40), True)),
        (holds(YES, 60), 40, (YES, at(60), True)),
        (holds(NO, 60), 40, (NO, at(60), True)),
        (holds(NO, 60, confirmed=False), 40, (NO, at(60), True)),
        (holds(YES, 60, confirmed=False), 40, (YES, at(60), False)),
    ],
)
def test_our_own_event_says_what_didomi_held_at_its_date(
    before: Agreed | None, made: float | None, ends: tuple[Choice, int, bool]
) -> None:
    """Unless something later is known; what only an answer told is certain then."""
    known = LineState(agreed={} if before is None else {DIDOMI: before})
    held = came_back(known, made).agreed[DIDOMI]

    assert (held.choice, held.as_of, held.confirmed) == ends


def test_our_own_event_confirms_the_write_that_made_it() -> None:
    """And no write of another choice."""
    known = LineState(writes=(wrote(DIDOMI, NO, 30, UNCLEAR), wrote(DIDOMI, YES, 20, UNCLEAR)))
    writes = came_back(known, 40).writes

    assert [write.outcome for write in writes] == [WriteOutcome.CONFIRMED, UNCLEAR]


def test_our_own_event_speaks_only_of_the_lines_in_it() -> None:
    """Those before and after it in the file stay as they were."""
    mapping = a_mapping(a_line("SMS", SMS), LINE, TOPIC, a_line("Marketing", MARKETING))
    content = a_webhook(own(40, ConsentTree({EMAIL: NO, MARKETING: YES})))
    outcome = fold_didomi_item(
        PersonState(), received(content, 100), content, a_context(mapping, now=100)
    )

    assert set(outcome.state.lines) == {"Newsletter", "Marketing"}


@pytest.mark.parametrize(("made", "since"), [(40, 40), (None, 100)])
def test_the_list_of_our_own_event_is_kept_by_its_date(made: float | None, since: float) -> None:
    """Without a date it counts from now on."""
    tree = ConsentTree(picks={TOPICS: frozenset({"sport"})})
    state = fold(a_webhook(own(made, tree)), a_person(TOPIC, LineState())).state

    assert state.picks[TOPICS] == HeldList(frozenset({"sport"}), at(since))


# --- what waits and what is deleted --------------------------------------------------------------


def test_no_more_than_twenty_pending_choices_are_remembered() -> None:
    """The oldest goes first."""
    state = PersonState(pending={f"old-{number}": at(number) for number in range(20)})
    event = an_event(40, {EMAIL: YES}, status="pending_approval")
    outcome = fold(a_webhook(event), state)
    again = fold(a_webhook(event), outcome.state)

    assert list(outcome.state.pending) == [*(f"old-{n}" for n in range(1, 20)), event.id]
    assert outcome.reason == again.reason == "waits for approval in Didomi"


@pytest.mark.parametrize(
    ("spellings", "left"),
    [
        (("Ann@example.com", "ann@example.com"), ("Ann@example.com",)),
        (("ann@example.com",), ("ann@example.com",)),
    ],
)
def test_the_spelling_of_a_deleted_user_is_forgotten_where_another_is_left(
    spellings: tuple[str, ...], left: tuple[str, ...]
) -> None:
    """The last one is kept: a look needs a name."""
    content = DidomiItem(EventKind.CONSENT_USER_DELETED, "user.deleted", "ann@example.com", "gdpr")
    outcome = fold(content, PersonState(spellings=spellings))

    assert (outcome.state.spellings, outcome.state.user) == (left, Presence.UNKNOWN)
    assert outcome.reason.startswith("something was deleted in Didomi; that is no choice")


# --- a user that is posted -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "counts"),
    [
        (LineState(agreed={DIDOMI: holds(YES, 50)}), True),
        (LineState(agreed={DIDOMI: holds(YES, 60)}), True),
        (LineState(agreed={DIDOMI: holds(YES, 49)}), False),
        (LineState(agreed={DIDOMI: holds(YES, 50, said(ACTITO, YES, 1))}), False),
        (
            LineState(latest={DIDOMI: said(DIDOMI, NO, 60)}, agreed={DIDOMI: holds(YES, 50)}),
            False,
        ),
        (LineState(agreed={DIDOMI: holds(YES, 50)}, writes=(wrote(DIDOMI, YES, 1),)), False),
        (LineState(agreed={DIDOMI: holds(YES, 50)}, writes=(wrote(ACTITO, YES, 1),)), True),
    ],
)
def test_a_choice_that_a_look_saw_before_it_was_told_counts_once_told(
    known: LineState, counts: bool
) -> None:
    """The first sight was only a baseline; where we wrote or were told, it is no news."""
    outcome = fold(a_snapshot(50, {EMAIL: YES}), a_person(LINE, known))

    assert (outcome.touched == {"Newsletter"}) is counts


def test_a_list_without_an_option_does_not_tell_of_it_what_a_look_has_seen() -> None:
    """Nobody is known to have ticked it."""
    known = LineState(agreed={DIDOMI: holds(NO, 50)})
    shows = replace(a_snapshot(50, {}), shown=ConsentTree(picks={TOPICS: frozenset({"news"})}))
    context = a_context(a_mapping(TOPIC), now=100)
    outcome = fold_didomi_item(a_person(TOPIC, known), received(shows, 100), shows, context)

    assert outcome.state.lines["SportNews"].latest == {}


def test_a_user_of_the_same_moment_as_what_is_known_is_no_news() -> None:
    """Of two states with one date nobody knows the later."""
    known = LineState(latest={DIDOMI: said(DIDOMI, YES, 50)}, agreed={DIDOMI: holds(YES, 50)})

    assert shown(known, a_snapshot(50, {EMAIL: NO})).latest[DIDOMI].choice is YES


def test_a_yes_that_a_user_showed_before_our_write_arrived_is_left_aside() -> None:
    """Only a no makes Didomi be asked."""
    known = LineState(agreed={DIDOMI: holds(NO, 10)}, writes=(wrote(DIDOMI, NO, 49),))
    outcome = fold(a_snapshot(50, {EMAIL: YES}), a_person(LINE, known))

    assert (outcome.verdict, outcome.doubtful) == (Verdict.OLDER, False)


@pytest.mark.parametrize(("dated", "asked"), [(51, True), (51.001, False)])
def test_our_write_is_on_its_way_for_as_long_as_clocks_may_differ(
    dated: float, asked: bool
) -> None:
    """Two seconds after it was sent are still before it reached Didomi."""
    known = LineState(agreed={DIDOMI: holds(YES, 10)}, writes=(wrote(DIDOMI, YES, 49),))

    assert fold(a_snapshot(dated, {EMAIL: NO}), a_person(LINE, known)).doubtful is asked


def test_what_a_user_shows_instead_of_our_refusal_is_what_didomi_holds() -> None:
    """Since the date of the user."""
    known = LineState(
        agreed={DIDOMI: holds(NO, 10, confirmed=False)}, writes=(wrote(DIDOMI, NO, 10),)
    )

    assert shown(known, a_snapshot(50, {EMAIL: YES})).agreed[DIDOMI] == holds(YES, 50)


def test_a_write_without_an_answer_that_a_user_shows_is_what_didomi_holds() -> None:
    """It is confirmed by that, and knows what it had carried there."""
    yes = said(ACTITO, NO, 5)
    known = LineState(agreed={DIDOMI: holds(YES, 0)}, writes=(wrote(DIDOMI, NO, 10, UNCLEAR, yes),))
    line = shown(known, a_snapshot(50, {EMAIL: NO}))

    assert line.agreed[DIDOMI] == holds(NO, 50, yes)
    assert line.writes[0].outcome is WriteOutcome.CONFIRMED


def test_an_answered_write_that_a_user_shows_is_confirmed_at_the_users_date() -> None:
    """And not by a user that is older than it."""
    known = LineState(
        agreed={DIDOMI: holds(NO, 10, confirmed=False)}, writes=(wrote(DIDOMI, NO, 10),)
    )
    same, later = (shown(known, a_snapshot(when, {EMAIL: NO})) for when in (10, 50))
    older = shown(known, a_snapshot(9, {EMAIL: NO}))

    assert same.agreed[DIDOMI] == holds(NO, 10)
    assert later.agreed[DIDOMI] == holds(NO, 50)
    assert later.writes[0].outcome is WriteOutcome.CONFIRMED
    assert older == a_person(LINE, known).lines["Newsletter"]


def test_a_statement_of_a_posted_user_is_told_with_its_date_and_its_way() -> None:
    """It was under way since that date, never less than no time."""
    known = LineState(latest={DIDOMI: said(DIDOMI, YES, 0)}, agreed={DIDOMI: holds(YES, 0)})
    prompt = shown(known, a_snapshot(50, {EMAIL: NO}), when=110).latest[DIDOMI]
    ahead = shown(known, a_snapshot(120, {EMAIL: NO}), when=110).latest[DIDOMI]

    assert (prompt.id, prompt.evidence) == (f"shown-{at(50)}-denied", "event 7")
    assert (prompt.dated, prompt.delay) == (at(50), at(60) - at(0))
    assert (ahead.dated, ahead.not_after, ahead.delay) == (at(120), at(110), 0)


# --- a look at Didomi ----------------------------------------------------------------------------


def test_a_look_without_a_date_counts_from_when_it_was_answered() -> None:
    """Didomi gives no date to a user without any."""
    assert look(LineState(), a_user_reading(100, {EMAIL: YES})).agreed[DIDOMI].as_of == at(101)


@pytest.mark.parametrize(
    ("held", "line", "ends"),
    [
        (holds(NO, 0), LINE, NO),
        (holds(NO, 0), TOPIC, NO),
        (holds(NO, 0, confirmed=False), LINE, NONE),
        (holds(NO, 0, confirmed=False), TOPIC, NO),
    ],
)
def test_only_a_refusal_of_ours_can_be_gone(held: Agreed, line: Line, ends: Choice) -> None:
    """Where nothing but an answer said it took; an option is refused by standing in no list."""
    after = look(LineState(agreed={DIDOMI: held}), a_user_reading(500, {}, dated=300), line)

    assert after.agreed[DIDOMI].choice is ends


@pytest.mark.parametrize("choice", [YES, NO])
def test_a_write_without_an_answer_explains_a_first_look(choice: Choice) -> None:
    """It is what the answer would have told, so no agreement elsewhere becomes late by it."""
    promised = said(ACTITO, YES, 0)
    known = LineState(latest={ACTITO: promised}, writes=(wrote(DIDOMI, choice, 10, UNCLEAR),))
    line = look(known, a_user_reading(3600, {EMAIL: choice}, dated=40))

    assert line.agreed[DIDOMI] == holds(choice, 40)
    assert line.latest == {ACTITO: promised}
    assert line.writes[0].outcome is WriteOutcome.CONFIRMED
    assert line.refused_at == ({DIDOMI: at(40)} if choice is NO else {})


def test_a_yes_at_first_sight_is_no_moment_without_one() -> None:
    """Nor does it make another agreement late."""
    promised = said(ACTITO, YES, 0)
    line = look(LineState(latest={ACTITO: promised}), a_user_reading(3600, {EMAIL: YES}, dated=40))

    assert (line.latest, line.refused_at) == ({ACTITO: promised}, {})


def test_a_look_of_the_same_date_is_believed() -> None:
    """Only an older one lags behind."""
    known = LineState(latest={DIDOMI: said(DIDOMI, YES, 50)}, agreed={DIDOMI: holds(YES, 50)})
    line = look(known, a_user_reading(500, {EMAIL: NO}, dated=50))

    assert (line.latest[DIDOMI].choice, line.agreed[DIDOMI].choice) == (NO, NO)


def test_a_look_that_shows_what_is_known_adds_no_statement() -> None:
    """It only makes the date newer."""
    known = LineState(agreed={DIDOMI: holds(YES, 0)})
    line = look(known, a_user_reading(500, {EMAIL: YES}, dated=300))

    assert (line.latest, line.refused_at) == ({}, {})
    assert line.agreed[DIDOMI] == holds(YES, 300)


def test_a_yes_where_a_confirmed_refusal_was_is_a_new_choice() -> None:
    """And a no where only an answer told of our yes is one, too."""
    agreed = look(LineState(agreed={DIDOMI: holds(NO, 0)}), a_user_reading(500, {EMAIL: YES}))
    refused = look(
        LineState(agreed={DIDOMI: holds(YES, 0, confirmed=False)}),
        a_user_reading(500, {EMAIL: NO}),
    )

    assert (agreed.latest[DIDOMI].choice, agreed.refused_at) == (YES, {})
    assert (refused.latest[DIDOMI].choice, refused.refused_at) == (NO, {DIDOMI: at(501)})


def test_a_statement_of_a_look_is_told_with_its_date_and_its_way() -> None:
    """It was made after all that our write had carried there, and was under way since then."""
    known = LineState(agreed={DIDOMI: holds(YES, 0, said(ACTITO, YES, 10))})
    choice = look(known, a_user_reading(500, {EMAIL: NO}, dated=300)).latest[DIDOMI]
    since = at(12) + 1

    assert (choice.id, choice.evidence) == (f"read-{at(300)}-denied", "a look at Didomi")
    assert (choice.not_before, choice.not_after, choice.dated) == (since, at(300), at(300))
    assert choice.delay == at(501) - since


@pytest.mark.parametrize(
    ("asked", "confirmed", "writes", "believed"),
    [
        (70, False, True, False),
        (70.001, False, True, True),
        (700, True, True, False),
        (700, False, False, False),
        (700, True, False, False),
    ],
)
def test_a_write_that_a_look_long_after_it_does_not_show_did_not_take(
    asked: float, confirmed: bool, writes: bool, believed: bool
) -> None:
    """Within a minute, or where Didomi has shown it since, the look is only older."""
    known = LineState(
        agreed={DIDOMI: holds(NO, 10, confirmed=confirmed)},
        writes=(wrote(DIDOMI, NO, 10),) if writes else (),
    )
    line = look(known, a_user_reading(asked, {EMAIL: YES}, dated=0))

    assert line.agreed[DIDOMI].choice is (YES if believed else NO)


def test_the_list_of_a_look_is_kept_by_the_date_of_the_user() -> None:
    """Not by the moment of the look."""
    seen = replace(
        a_user_reading(100, {}, dated=40), tree=ConsentTree(picks={TOPICS: frozenset({"news"})})
    )
    state = fold_user_reading(PersonState(), seen, a_context(a_mapping(TOPIC), now=1000))

    assert state.picks[TOPICS] == HeldList(frozenset({"news"}), at(40))


def test_a_new_list_takes_nothing_back_that_was_never_in_one() -> None:
    """Only at first sight does leaving an option out count as a refusal."""
    known = LineState(agreed={DIDOMI: holds(NONE, 0)})
    seen = replace(
        a_user_reading(100, {}, dated=40), tree=ConsentTree(picks={TOPICS: frozenset({"news"})})
    )

    assert look(known, seen, TOPIC).latest == {}
