"""What both sides ought to hold, from what was said on each and when."""

import pytest

from consent_sync.domain.consent import Choice, Statement
from consent_sync.domain.desired import desired_choice
from consent_sync.domain.identity import Side, Source
from consent_sync.domain.mapping import SyncMode
from consent_sync.domain.moments import OPEN, SECOND, Micros
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import LineState
from tests.doubles.mappings import a_line

YES, NO, NONE = Choice.GRANTED, Choice.DENIED, Choice.NONE
DIDOMI, ACTITO = Side.DIDOMI, Side.ACTITO
Said = tuple[Side, Choice, Micros, Micros]


def said(side: Side, choice: Choice, after: float | None, until: float) -> Said:
    """Somebody chose on a side, after one second of the story and until another."""
    return side, choice, OPEN if after is None else int(after * SECOND), int(until * SECOND)


@pytest.mark.parametrize(
    ("mode", "story", "ends"),
    [
        (SyncMode.TWO_WAY, [], NONE),
        (SyncMode.TWO_WAY, [said(DIDOMI, YES, 10, 10)], YES),
        (SyncMode.TWO_WAY, [said(DIDOMI, NO, 10, 10)], NO),
        (SyncMode.TWO_WAY, [said(ACTITO, YES, None, 10)], YES),
        (SyncMode.TWO_WAY, [said(DIDOMI, NO, 10, 10), said(ACTITO, NO, 5, 20)], NO),
        (SyncMode.TWO_WAY, [said(DIDOMI, NO, 10, 10), said(ACTITO, YES, 20, 25)], YES),
        (SyncMode.TWO_WAY, [said(DIDOMI, NO, 10, 10), said(ACTITO, YES, 5, 25)], NO),
        (SyncMode.TWO_WAY, [said(DIDOMI, NO, 10, 10), said(ACTITO, YES, None, 25)], NO),
        (SyncMode.TWO_WAY, [said(DIDOMI, YES, 10, 10), said(ACTITO, NO, 1, 7)], YES),
        (SyncMode.TWO_WAY, [said(DIDOMI, YES, 10, 10), said(ACTITO, NO, 1, 8)], NO),
        (SyncMode.TWO_WAY, [said(DIDOMI, YES, 10, 10), said(ACTITO, NO, 1, 20)], NO),
        (SyncMode.TWO_WAY_STRICT, [said(DIDOMI, NO, 10, 10), said(ACTITO, YES, 90, 95)], NO),
        (SyncMode.TWO_WAY_STRICT, [said(DIDOMI, YES, 90, 90), said(ACTITO, NO, 1, 2)], NO),
        (SyncMode.TWO_WAY_STRICT, [said(DIDOMI, YES, 90, 90), said(ACTITO, YES, 1, 2)], YES),
    ],
)
def test_what_both_sides_ought_to_hold(mode: SyncMode, story: list[Said], ends: Choice) -> None:
    """A yes wins only when it is certainly newer; an unknown time is early for a yes, late for a no."""
    latest: dict[Source, Statement] = {
        side: Statement(f"{side}", side, choice, after, until, until, 0, "told")
        for side, choice, after, until in story
    }

    assert desired_choice(a_line(sync=mode), LineState(latest=latest), Rules()).choice is ends


# --- the plan ------------------------------------------------------------------------------------
