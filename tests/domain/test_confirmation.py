"""An answer is not an effect: when a write is looked for, and when it has failed."""

import pytest

from consent_sync.domain.confirmation import look_due, shown_nowhere, worn_out, worn_out_reason
from consent_sync.domain.consent import WriteOutcome
from consent_sync.domain.moments import HOUR, MINUTE
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import LineState
from tests.domain.kit import ACTITO, DIDOMI, NO, YES, at, holds, wrote


def written(times: int, *, confirmed: bool = False) -> LineState:
    return LineState(
        agreed={ACTITO: holds(NO, 0, confirmed=confirmed)},
        writes=(wrote(ACTITO, NO, -5), wrote(ACTITO, NO, 0)),
        unshown={ACTITO: times},
    )


@pytest.mark.parametrize(
    ("times", "wait"), [(1, 10 * MINUTE), (2, HOUR), (3, 6 * HOUR), (4, 24 * HOUR)]
)
def test_each_write_without_effect_is_waited_for_longer(times: int, wait: int) -> None:
    """Counted from the newest write, because only that one still matters."""
    assert look_due([written(times)], Rules()) == (at(0) + wait,)


def test_a_confirmed_write_is_not_looked_for() -> None:
    """A webhook or a reading has shown it."""
    assert look_due([written(1, confirmed=True)], Rules()) == ()


def test_an_unclear_write_is_no_answered_one() -> None:
    """That side is read before anything is repeated, at the next attempt and not after minutes."""
    unclear = LineState(writes=(wrote(ACTITO, NO, 0, WriteOutcome.UNCLEAR),))

    assert look_due([unclear], Rules()) == ()


def test_nothing_is_looked_for_where_the_settings_say_never() -> None:
    """Zero means never."""
    assert look_due([written(1)], Rules(confirm_after=0)) == ()


def test_what_a_side_was_told_before_its_newest_state_is_not_looked_for() -> None:
    """A write of the opposite has been overtaken."""
    overtaken = LineState(
        agreed={ACTITO: holds(YES, 9, confirmed=False)}, writes=(wrote(ACTITO, NO, 0),)
    )

    assert look_due([overtaken], Rules()) == ()


def test_the_fourth_write_without_effect_is_the_last() -> None:
    """On that side; the other one is not held responsible."""
    assert [worn_out(written(times), ACTITO) for times in (1, 3, 4)] == [False, False, True]
    assert not worn_out(written(4), DIDOMI)
    assert "Actito answered 4 writes with success" in worn_out_reason(ACTITO)


def test_a_repeated_write_is_known_to_be_missing() -> None:
    """The first one may just be young."""
    assert [shown_nowhere(written(times)) for times in (1, 2)] == [False, True]
