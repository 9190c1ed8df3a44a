"""From Didomi's tree to a choice, and between a choice and a subscription."""

import pytest

from consent_sync.domain.consent import Choice, ConsentTree, Pick
from consent_sync.domain.translate import (
    choice_at,
    choice_from_subscription,
    rebuilt_list,
    subscription_from_choice,
)
from tests.doubles.mappings import EMAIL, MARKETING, SPORT, a_line

YES, NO, NONE = Choice.GRANTED, Choice.DENIED, Choice.NONE
TOPICS = Pick("marketing", "topics")


@pytest.mark.parametrize("inverted", [False, True])
def test_a_choice_and_its_subscription_lead_to_each_other(inverted: bool) -> None:
    """Whatever the line means, writing a choice and reading it back gives the same choice."""
    line = a_line(inverted=inverted)

    for choice in (YES, NO):
        subscribed = subscription_from_choice(line, choice)
        assert choice_from_subscription(line, subscribed=subscribed) is choice
        assert subscribed is ((choice is YES) != inverted)


def test_a_list_keeps_what_nobody_changed() -> None:
    """Only the changed options are put in or out."""
    rebuilt = rebuilt_list(frozenset({"sport", "culture"}), {"sport": NO, "news": YES})

    assert rebuilt == ("culture", "news")


def test_a_node_that_is_not_in_the_tree_says_nothing() -> None:
    """A tree is partial: what it leaves out is neither yes nor no."""
    tree = ConsentTree({EMAIL: NO})

    assert choice_at(tree, EMAIL, held=NONE) is NO
    assert choice_at(tree, MARKETING, held=YES) is NONE


@pytest.mark.parametrize(
    ("options", "held", "chosen", "says"),
    [
        ({"sport", "news"}, NONE, False, YES),
        ({"news"}, NONE, True, NO),
        ({"news"}, NONE, False, NONE),
        ({"news"}, YES, False, NO),
        ({"news"}, NO, False, NO),
        (set(), NONE, True, NONE),
        (set(), YES, True, NO),
        (None, YES, True, NONE),
    ],
)
def test_what_a_list_says_about_an_option(
    options: set[str] | None, held: Choice, chosen: bool, says: Choice
) -> None:
    """A chosen list refuses what it leaves out; a shown or empty one only what was chosen before."""
    picks = {} if options is None else {TOPICS: frozenset(options)}

    assert choice_at(ConsentTree(picks=picks), SPORT, held=held, chosen=chosen) is says
