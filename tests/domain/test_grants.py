"""Which side is read before an agreement raises one."""

import pytest

from consent_sync.domain.consent import Choice, Pick, Statement
from consent_sync.domain.grants import newer_than_list, to_be_read
from consent_sync.domain.identity import Side
from consent_sync.domain.mapping import Line
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import HeldList, LineState
from tests.domain import kit
from tests.domain.kit import a_context
from tests.doubles.mappings import EMAIL, SPORT, a_line

DIDOMI, ACTITO = Side.DIDOMI, Side.ACTITO


@pytest.mark.parametrize(
    ("age", "looked", "reads"),
    [
        (300, set(), ACTITO),
        (300, {ACTITO}, None),
        (301, set(), DIDOMI),
        (301, {DIDOMI}, ACTITO),
        (301, {ACTITO}, DIDOMI),
        (301, {ACTITO, DIDOMI}, None),
    ],
)
def test_an_agreement_that_waited_is_looked_for_on_its_own_side_first(
    age: int, looked: set[Side], reads: Side | None
) -> None:
    """A fresh one is not: only the side that it raises is read."""
    agreed = kit.said(DIDOMI, Choice.GRANTED, 0)
    context = a_context(now=age)

    assert to_be_read(ACTITO, [agreed], frozenset(looked), context) is reads


def test_the_newest_of_several_agreements_counts() -> None:
    """A side is not read again for an agreement that has been repeated since."""
    said = [kit.said(DIDOMI, Choice.GRANTED, 0), kit.said(DIDOMI, Choice.GRANTED, 200)]

    assert to_be_read(ACTITO, said, frozenset({ACTITO}), a_context(now=400)) is None


def test_a_word_of_the_raised_side_itself_needs_no_second_look() -> None:
    """That side is read before the write anyhow."""
    own = kit.said(ACTITO, Choice.GRANTED, 0)

    assert to_be_read(ACTITO, [own], frozenset({ACTITO}), a_context(now=900)) is None


TOPIC = a_line("SportNews", SPORT)
LEFT_OUT = HeldList(frozenset({"news"}), kit.at(10))
TICKED = HeldList(frozenset({"news", "sport"}), kit.at(10))
TOLD = kit.said(DIDOMI, Choice.GRANTED, 0)


@pytest.mark.parametrize(
    ("made", "side", "line", "held", "told", "newer"),
    [
        (12, DIDOMI, TOPIC, LEFT_OUT, None, False),
        (12.001, DIDOMI, TOPIC, LEFT_OUT, None, True),
        (9, DIDOMI, TOPIC, LEFT_OUT, None, False),
        (9, DIDOMI, TOPIC, LEFT_OUT, TOLD, True),
        (9, DIDOMI, TOPIC, TICKED, None, True),
        (9, DIDOMI, TOPIC, None, None, True),
        (9, ACTITO, TOPIC, LEFT_OUT, None, True),
        (9, DIDOMI, a_line("SportNews", EMAIL), LEFT_OUT, None, True),
    ],
)
def test_a_list_that_leaves_an_option_out_may_have_been_a_refusal(
    made: float,
    side: Side,
    line: Line,
    held: HeldList | None,
    told: Statement | None,
    newer: bool,
) -> None:
    """Only a yes that is certainly newer than the list counts over it, until Didomi has told."""
    known = LineState(latest={} if told is None else {DIDOMI: told})
    picks = {} if held is None else {Pick("marketing", "topics"): held}
    person = kit.a_person(line, known, picks=picks)
    agreed = kit.said(ACTITO, Choice.GRANTED, made)

    assert newer_than_list(agreed, side, line, person, Rules()) is newer
