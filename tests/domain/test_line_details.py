"""What a line remembers beside the choice itself: causes, failures, moments, and for how long."""

from dataclasses import replace

import pytest

from consent_sync.domain.consent import Guarded, Pick, Word, WriteOutcome
from consent_sync.domain.ledger import Write, WrittenLine
from consent_sync.domain.lines import (
    Added,
    add_statement,
    delayed_by_first_sight,
    doubtful,
    fold_write,
    lifted,
    resolved,
    tried_again,
    with_agreed,
    with_refusal,
)
from consent_sync.domain.moments import HOUR
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import HeldList, LineState
from tests.domain.kit import (
    ACTITO,
    DIDOMI,
    NO,
    YES,
    a_context,
    a_person,
    at,
    holds,
    said,
    wrote,
)
from tests.doubles.mappings import a_line

LINE = a_line()
WORD = Word("olga", at(5), ("doubt",), "basis")
SENT, UNCLEAR, CONFIRMED = WriteOutcome.SENT, WriteOutcome.UNCLEAR, WriteOutcome.CONFIRMED


def after(known: LineState, write: Write) -> LineState:
    """Return the line after a write of ours."""
    return fold_write(a_person(LINE, known), write, a_context(now=1000)).lines["Newsletter"]


def a_write(side: object, choice: object, sent: float, outcome: WriteOutcome = SENT) -> Write:
    lines = (WrittenLine("Newsletter", choice),)  # type: ignore[arg-type]  # a choice
    return Write(side, lines, at(sent), at(sent), outcome)  # type: ignore[arg-type]  # a side


# --- statements ----------------------------------------------------------------------------------


def test_a_statement_with_a_known_name_and_another_choice_is_a_new_one() -> None:
    """Two choices of one event on one line do not hide each other."""
    first = said(DIDOMI, YES, 0)
    line = LineState(latest={DIDOMI: first})
    after_it, added = add_statement(line=LINE, known=line, said=replace(first, choice=NO))

    assert added is Added.NEW
    assert after_it.latest[DIDOMI].choice is NO


def test_the_same_statement_once_more_is_known() -> None:
    """A repetition with the same name and choice changes nothing, later date or not."""
    first = said(ACTITO, YES, 0)
    line = LineState(latest={ACTITO: first})

    assert add_statement(LINE, line, replace(first, not_after=at(9))) == (line, Added.KNOWN)


def test_a_new_statement_ends_what_was_decided_about_the_one_before() -> None:
    """An operator's word, a guard's stop, failures and missing looks were about older words."""
    line = LineState(
        latest={DIDOMI: said(DIDOMI, YES, 0)},
        held="held_review",
        failed={ACTITO: "refused"},
        unshown={ACTITO: 2},
        word=WORD,
        guarded=Guarded("basis", "too many"),
    )
    newest = said(DIDOMI, YES, 60)

    assert add_statement(LINE, line, newest)[0] == LineState(latest={DIDOMI: newest})


def test_what_is_said_once_more_is_tried_once_more() -> None:
    """The count of writes that nothing showed begins anew together with the failures."""
    line = LineState(failed={ACTITO: "refused"}, unshown={ACTITO: 4})

    assert tried_again(line) == LineState()


def test_a_line_without_a_failure_keeps_counting() -> None:
    """Where nothing failed for good, writes that nothing shows are counted on."""
    line = LineState(unshown={ACTITO: 2})

    assert tried_again(line) is line


# --- what a side holds ---------------------------------------------------------------------------


@pytest.mark.parametrize("confirmed", [True, False])
def test_what_a_side_holds_says_whether_it_was_seen(confirmed: bool) -> None:
    """A belief that rests on our own write alone is marked as such."""
    line = with_agreed(LineState(), ACTITO, YES, at(3), confirmed=confirmed)

    assert line.agreed[ACTITO] == holds(YES, 3, confirmed=confirmed)


@pytest.mark.parametrize(("seen", "remembered"), [(9, 10), (10, 10), (11, 11)])
def test_the_last_moment_of_a_refusal_never_moves_back(seen: float, remembered: float) -> None:
    """An older sight of a no adds nothing to a newer one."""
    line = LineState(refused_at={ACTITO: at(10)})

    assert with_refusal(line, ACTITO, at(seen)).refused_at == {ACTITO: at(remembered)}


def test_a_refusal_seen_again_at_the_same_moment_is_the_same_line() -> None:
    """Nothing changed, so nothing is stored."""
    line = LineState(refused_at={ACTITO: at(10)})

    assert with_refusal(line, ACTITO, at(10)) is line


def test_a_first_sight_ages_grants_of_the_other_side_alone() -> None:
    """Without such a grant the line stays what it was, to the letter."""
    line = LineState(latest={DIDOMI: said(DIDOMI, NO, 0), ACTITO: said(ACTITO, YES, 0)})

    assert delayed_by_first_sight(line, ACTITO, at(900)) is line


def test_a_change_after_our_write_is_lifted_by_no_more_than_an_instant() -> None:
    """Just past the tolerance: one microsecond more than what the write knew."""
    agreed = holds(NO, 100, said(DIDOMI, NO, 50))

    assert lifted(at(0), agreed, Rules()) == at(52) + 1


# --- our own writes ------------------------------------------------------------------------------


def test_a_write_that_took_clears_the_count_of_its_own_side_alone() -> None:
    """The other side's writes without a sight are counted on."""
    line = LineState(
        agreed={ACTITO: holds(YES, 1, confirmed=False)},
        writes=(wrote(ACTITO, YES, 1),),
        unshown={ACTITO: 2, DIDOMI: 1},
    )
    shown = resolved(line, ACTITO, YES)

    assert shown.unshown == {DIDOMI: 1}
    assert shown.writes == (wrote(ACTITO, YES, 1, CONFIRMED),)


def test_an_older_write_that_turns_up_clears_no_count() -> None:
    """What a side was told last is another choice, and that one still was not seen."""
    line = LineState(
        agreed={ACTITO: holds(NO, 9, confirmed=False)},
        writes=(wrote(ACTITO, YES, 1), wrote(ACTITO, NO, 9)),
        unshown={ACTITO: 2},
    )

    assert resolved(line, ACTITO, YES).unshown == {ACTITO: 2}


def test_an_unclear_write_that_turns_up_first_says_what_it_carried() -> None:
    """Nothing was known of the side before: it holds that choice, and knows what it was told."""
    told = said(DIDOMI, YES, 0)
    line = LineState(writes=(wrote(ACTITO, YES, 1, UNCLEAR, told),))
    agreed = resolved(line, ACTITO, YES).agreed[ACTITO]

    assert agreed.choice is YES
    assert not agreed.confirmed
    assert agreed.known == holds(YES, 0, told).known


@pytest.mark.parametrize(
    ("write", "in_doubt"),
    [
        (wrote(DIDOMI, YES, 1, UNCLEAR), True),
        (wrote(DIDOMI, YES, 1, SENT), False),
        (wrote(ACTITO, YES, 1, UNCLEAR), False),
    ],
)
def test_only_an_unanswered_write_to_a_side_puts_it_in_doubt(write: object, in_doubt: bool) -> None:
    """Answered ones and those to the other side do not."""
    line = LineState(writes=(write,))  # type: ignore[arg-type]  # a write

    assert doubtful(line, DIDOMI) is in_doubt


def test_a_write_remembers_its_event_and_what_it_told() -> None:
    """By these its echo is known again, and what the side knows from then on."""
    told = said(ACTITO, YES, 0)
    line = LineState(latest={ACTITO: told, DIDOMI: said(DIDOMI, NO, 0)})
    write = replace(a_write(DIDOMI, YES, 60, UNCLEAR), event_id="our-event")
    own = after(line, write).writes[-1]

    assert own.event_id == "our-event"
    assert own.told == holds(YES, 0, told).known


@pytest.mark.parametrize(("age", "kept"), [(2 * HOUR, 1), (2 * HOUR + 1, 0)])
def test_answered_writes_are_remembered_for_twice_the_longest_way(age: int, kept: int) -> None:
    """Until then a webhook may still be the echo of one."""
    old = replace(wrote(ACTITO, NO, 0), sent_at=at(60) - age)
    line = after(LineState(writes=(old,)), a_write(ACTITO, YES, 60, UNCLEAR))

    assert line.writes.count(old) == kept


def test_an_unanswered_write_is_remembered_however_old() -> None:
    """It may still land."""
    old = wrote(ACTITO, NO, -100 * 3600, UNCLEAR)

    assert old in after(LineState(writes=(old,)), a_write(ACTITO, YES, 60)).writes


def test_a_side_keeps_knowing_what_earlier_writes_told_it() -> None:
    """A write adds to what its side knows, and takes nothing away."""
    before = holds(NO, 0, said(DIDOMI, NO, -60))
    line = LineState(agreed={ACTITO: before}, held="held_review")
    written = after(line, a_write(ACTITO, YES, 60))

    assert written.agreed[ACTITO].known == before.known
    assert written.held == ""


def test_only_a_written_refusal_counts_as_a_sight_of_one() -> None:
    """After our no the side holds a no; after our yes it does not."""
    assert after(LineState(), a_write(ACTITO, NO, 60)).refused_at == {ACTITO: at(60)}
    assert after(LineState(), a_write(ACTITO, YES, 60)).refused_at == {}


def test_attributes_count_as_sent_only_with_an_answer() -> None:
    """Refused values too: they are not tried again. Unclear ones are."""
    write = replace(a_write(ACTITO, YES, 60), attributes=(("brand", "x"),))
    person = a_person(LINE, LineState())
    context = a_context(now=1000)

    assert fold_write(person, write, context).sent == {"brand": "x"}
    assert fold_write(person, replace(write, outcome=UNCLEAR), context).sent == {}
    assert fold_write(person, replace(write, attributes=()), context).sent == {}


def test_a_list_that_we_wrote_is_the_list_that_didomi_holds() -> None:
    """Under its purpose and preference, with its date; other lists stay."""
    other = {Pick("marketing", "deals"): HeldList(frozenset({"mail"}), at(1))}
    write = replace(a_write(DIDOMI, YES, 60), lists=(("marketing", "topics", ("sport",)),))
    person = fold_write(a_person(LINE, LineState(), picks=other), write, a_context(now=1000))

    topics = {Pick("marketing", "topics"): HeldList(frozenset({"sport"}), at(60))}
    assert person.picks == {**other, **topics}
