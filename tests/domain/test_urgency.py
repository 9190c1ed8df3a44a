"""Who is served first, and how often the others."""

from collections import Counter

import pytest

from consent_sync.domain.urgency import Share, Urgency, hurry

ALL = tuple(Urgency)


def test_three_of_four_turns_go_to_the_most_urgent() -> None:
    """The fourth goes to the next, and each sixteenth to the last."""
    share = Share()
    first = Counter(share.order(ALL)[0] for _ in range(160))

    assert first == {Urgency.OPT_OUT: 120, Urgency.OPT_IN: 30, Urgency.REST: 10}


def test_nobody_is_left_out_of_an_order() -> None:
    """Whoever comes first, all that wait are in it."""
    share = Share()

    assert all(sorted(share.order(ALL)) == list(ALL) for _ in range(20))


def test_one_alone_is_always_first() -> None:
    """A share is only for those who wait."""
    share = Share()

    assert {share.order((Urgency.REST,)) for _ in range(20)} == {(Urgency.REST,)}


@pytest.mark.parametrize(
    ("optout_waiting", "attempts", "expected"),
    [
        (True, 3, Urgency.OPT_OUT),
        (False, 3, Urgency.OPT_IN),
        (False, 0, Urgency.REST),
    ],
)
def test_a_turn_that_comes_again_is_as_urgent_as_what_it_owes(
    optout_waiting: bool, attempts: int, expected: Urgency
) -> None:
    """An opt-out that failed, any other write that failed, a mere look."""
    assert hurry(optout_waiting, attempts) is expected
