"""Small steps on one line: what counts as the newest statement, what is agreed, what our writes leave."""

from dataclasses import replace

import pytest

from consent_sync.domain.consent import Choice, WriteOutcome
from consent_sync.domain.identity import Side
from consent_sync.domain.ledger import Write, WrittenLine
from consent_sync.domain.lines import (
    REMEMBERED_WRITES,
    Added,
    add_statement,
    can_grant,
    delayed_by_first_sight,
    fold_write,
    lifted,
    line_state,
    resolved,
    unsure_write,
    with_agreed,
    with_refusal,
)
from consent_sync.domain.mapping import SyncMode
from consent_sync.domain.moments import OPEN
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import LineState, PersonState, Presence
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


def a_write(
    side: Side, choice: Choice, sent: float, outcome: WriteOutcome, **more: object
) -> Write:
    lines = (WrittenLine("Newsletter", choice),)
    return replace(Write(side, lines, at(sent), at(sent), outcome), **more)  # type: ignore[arg-type]  # tests name the fields


SENT, UNCLEAR, CONFIRMED = WriteOutcome.SENT, WriteOutcome.UNCLEAR, WriteOutcome.CONFIRMED


# --- statements ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "side", "counts"),
    [
        (SyncMode.TWO_WAY, DIDOMI, True),
        (SyncMode.TWO_WAY, ACTITO, True),
        (SyncMode.TO_ACTITO, DIDOMI, True),
        (SyncMode.TO_ACTITO, ACTITO, False),
        (SyncMode.TO_DIDOMI, DIDOMI, False),
        (SyncMode.TO_DIDOMI, ACTITO, True),
    ],
)
def test_on_a_one_way_line_only_its_source_can_grant(
    mode: SyncMode, side: Side, counts: bool
) -> None:
    """A no of either side counts all the same."""
    line = a_line(sync=mode)

    assert can_grant(mode, side) is counts
    assert (add_statement(line, LineState(), said(side, YES, 1))[1] is Added.NEW) is counts
    assert add_statement(line, LineState(), said(side, NO, 1))[1] is Added.NEW


def test_didomis_statements_are_ordered_by_their_dates() -> None:
    """An older one that comes later changes nothing."""
    known = LineState(latest={DIDOMI: said(DIDOMI, NO, 50)})

    assert add_statement(LINE, known, said(DIDOMI, YES, 40)) == (known, Added.OLDER)


def test_actitos_statements_are_ordered_as_they_were_seen() -> None:
    """One turn at a time makes that certain; its moments are too vague to compare."""
    known = LineState(latest={ACTITO: said(ACTITO, NO, 50)})
    after, added = add_statement(LINE, known, said(ACTITO, YES, 40))

    assert (after.latest[ACTITO].choice, added) == (YES, Added.NEW)


@pytest.mark.parametrize(("first", "second"), [(YES, NO), (NO, YES)])
def test_of_equal_dates_the_refusal_counts(first: Choice, second: Choice) -> None:
    """In whatever order they come."""
    known, _ = add_statement(LINE, LineState(), said(DIDOMI, first, 50))
    known, _ = add_statement(LINE, known, said(DIDOMI, second, 50))

    assert known.latest[DIDOMI].choice is NO


def test_a_new_statement_frees_the_line() -> None:
    """What was held, failed or had no effect belonged to the older choice."""
    stuck = LineState(held="held_review", failed={ACTITO: "refused"}, unshown={ACTITO: 4})
    known, _ = add_statement(LINE, stuck, said(DIDOMI, NO, 50))

    assert (known.held, known.failed, known.unshown) == ("", {}, {})


def test_a_statement_told_again_is_tried_again_and_known_more_exactly() -> None:
    """A replay is no news, but it gives what failed a new chance."""
    vague = replace(said(DIDOMI, YES, 50), id="shown", not_before=OPEN, delay=99)
    known = LineState(latest={DIDOMI: vague}, failed={ACTITO: "refused"})
    known, added = add_statement(LINE, known, said(DIDOMI, YES, 50))

    assert added is Added.KNOWN
    assert known.failed == {}
    assert (known.latest[DIDOMI].not_before, known.latest[DIDOMI].delay) == (at(50), 0)


# --- what a side holds ---------------------------------------------------------------------------


def test_a_line_of_another_shape_starts_from_nothing() -> None:
    """After `inverted` was turned round, what was known means nothing."""
    state = a_person(LINE, LineState(agreed={ACTITO: holds(YES, 0)}))

    assert line_state(state, LINE).agreed[ACTITO].choice is YES
    assert line_state(state, a_line(inverted=True)).agreed == {}


def test_a_side_still_knows_what_it_was_told_before() -> None:
    """A new reading does not make it forget which statements it reflects."""
    theirs = said(DIDOMI, NO, 5)
    known = LineState(agreed={ACTITO: holds(NO, 10, theirs)})

    assert with_agreed(known, ACTITO, YES, at(50)).agreed[ACTITO].known[DIDOMI].id == theirs.id


def test_the_last_sight_of_a_no_never_moves_back() -> None:
    """It is a latest moment."""
    known = with_refusal(with_refusal(LineState(), ACTITO, at(50)), ACTITO, at(40))

    assert known.refused_at[ACTITO] == at(50)


def test_a_first_sight_of_a_no_ages_only_the_other_sides_yes() -> None:
    """A no is never made older, and a side's own yes is not compared with itself."""
    known = LineState(latest={DIDOMI: said(DIDOMI, YES, 0), ACTITO: said(ACTITO, YES, 0)})
    aged = delayed_by_first_sight(known, ACTITO, at(600))

    assert aged.latest[DIDOMI].delay == at(600) - at(0)
    assert aged.latest[ACTITO].delay == 0


def test_a_change_after_our_write_is_lifted_past_what_the_write_knew() -> None:
    """By more than the clocks may differ, so that the order counts as certain."""
    theirs = said(DIDOMI, NO, 90)
    reflecting = holds(NO, 10, theirs)

    assert lifted(at(10), reflecting, Rules()) > theirs.not_after + Rules().tolerance
    assert lifted(at(10), holds(NO, 10), Rules()) == at(10)


# --- our writes ----------------------------------------------------------------------------------


def fold(write: Write, known: LineState | None = None) -> LineState:
    state = PersonState() if known is None else a_person(LINE, known)
    return fold_write(state, write, a_context()).lines["Newsletter"]


def test_an_answered_write_is_believed_but_not_confirmed() -> None:
    """A 200 that did not take is caught by the next reading."""
    agreed = fold(a_write(ACTITO, NO, 10, SENT)).agreed[ACTITO]

    assert (agreed.choice, agreed.as_of, agreed.confirmed) == (NO, at(10), False)


def test_an_unclear_write_changes_no_belief_and_stays_a_possible_cause() -> None:
    """It may have landed, and it may still land."""
    known = fold(a_write(ACTITO, YES, 10, UNCLEAR))

    assert known.agreed == {}
    assert unsure_write(known, ACTITO, YES)


def test_a_refused_write_changed_nothing_and_is_told() -> None:
    """The platform said no for good."""
    known = fold(a_write(ACTITO, NO, 10, WriteOutcome.IN_FLIGHT, failure="bad request"))

    assert (known.agreed, known.failed) == ({}, {ACTITO: "bad request"})


def test_a_confirmed_write_tells_the_side_what_it_carried() -> None:
    """Only a write that took makes that side know the other side's statement."""
    theirs = said(DIDOMI, NO, 5)
    unclear = LineState(writes=(wrote(ACTITO, NO, 10, UNCLEAR, theirs),))
    known = resolved(unclear, ACTITO, NO)

    assert known.agreed[ACTITO].known[DIDOMI].id == theirs.id
    assert [write.outcome for write in known.writes] == [CONFIRMED]
    assert resolved(unclear, ACTITO, YES) is unclear


def test_where_an_answered_write_explains_what_is_shown_an_unclear_one_stays_unclear() -> None:
    """It may still land, after the person has chosen again."""
    both = LineState(writes=(wrote(ACTITO, YES, 10, UNCLEAR), wrote(ACTITO, YES, 20, SENT)))
    known = resolved(both, ACTITO, YES)

    assert [write.outcome for write in known.writes] == [UNCLEAR, CONFIRMED]


def test_few_writes_are_remembered_and_unclear_ones_longest() -> None:
    """What may still land must stay a possible cause; what was answered is forgotten after hours."""
    old = (wrote(ACTITO, YES, -9000, UNCLEAR), wrote(ACTITO, NO, -9000, CONFIRMED))
    known = fold(a_write(ACTITO, NO, 10, SENT), LineState(writes=old))
    many = LineState(writes=tuple(wrote(ACTITO, NO, n, UNCLEAR) for n in range(20)))

    assert [write.outcome for write in known.writes] == [UNCLEAR, SENT]
    assert len(fold(a_write(ACTITO, NO, 30, SENT), many).writes) == REMEMBERED_WRITES


def test_many_writes_to_one_side_do_not_make_the_other_side_forgotten() -> None:
    """What we wrote to Didomi stays a possible cause, however often Actito was written since."""
    known = LineState(writes=(wrote(DIDOMI, NO, 0),))
    for second in range(1, 2 * REMEMBERED_WRITES):
        known = fold(a_write(ACTITO, NO, second, SENT), known)

    assert [one.side for one in known.writes].count(DIDOMI) == 1
    assert len(known.writes) == REMEMBERED_WRITES + 1


def test_what_may_still_land_is_forgotten_last() -> None:
    """An unclear yes outlives any number of answered writes to its side."""
    known = LineState(writes=(wrote(ACTITO, YES, 0, UNCLEAR),))
    for second in range(1, 2 * REMEMBERED_WRITES):
        known = fold(a_write(ACTITO, NO, second, SENT), known)

    assert unsure_write(known, ACTITO, YES)
    assert len(known.writes) == REMEMBERED_WRITES


def test_a_write_of_a_line_that_left_the_file_is_nobodys() -> None:
    """The mapping in force says what lines there are."""
    write = replace(a_write(ACTITO, NO, 10, SENT), lines=(WrittenLine("Gone", NO),))

    assert fold_write(PersonState(), write, a_context()).lines == {}


@pytest.mark.parametrize(("side", "found"), [(ACTITO, "profile"), (DIDOMI, "user")])
def test_who_was_written_is_there(side: Side, found: str) -> None:
    """An answered write proves the record, an unclear one does not."""
    sent = fold_write(PersonState(), a_write(side, NO, 10, SENT), a_context())
    unclear = fold_write(PersonState(), a_write(side, NO, 10, UNCLEAR), a_context())

    assert getattr(sent, found) is Presence.PRESENT
    assert getattr(unclear, found) is Presence.UNKNOWN


def test_attributes_are_not_sent_twice_even_when_refused() -> None:
    """A value that the table refuses is not tried again until it changes."""
    attributes = (("tier", "gold"),)
    for write in (
        a_write(ACTITO, NO, 10, SENT, attributes=attributes),
        a_write(ACTITO, NO, 10, WriteOutcome.IN_FLIGHT, attributes=attributes, failure="no"),
    ):
        assert fold_write(PersonState(), write, a_context()).sent == {"tier": "gold"}
