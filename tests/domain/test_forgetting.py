"""Forgetting names: what somebody chose stays, whatever leads to them goes."""

from dataclasses import replace

import pytest

from consent_sync.domain.forgetting import without_names
from consent_sync.domain.identity import Names, Side
from consent_sync.domain.state import LineState, PersonState, Presence, Several, Wanted

ANN = "ann@example.com"
LINES = {"News": LineState(refused_at={Side.DIDOMI: 5})}
KNOWN = PersonState(
    Names(ANN, ANN, "77"),
    profile=Presence.PRESENT,
    user=Presence.PRESENT,
    lines=LINES,
    wanted={"name": Wanted("Ann", 3)},
    sent={"name": "Ann"},
    spellings=(ANN,),
)


def test_only_what_was_chosen_is_left() -> None:
    """The next turn looks for the person as for somebody new, and knows every refusal."""
    assert without_names(ANN, KNOWN) == PersonState(lines=LINES)


@pytest.mark.parametrize(
    "needed",
    [
        replace(KNOWN, names=Names("Ann@example.com", ANN)),
        replace(KNOWN, names=Names(ANN, "Ann@example.com")),
        replace(KNOWN, spellings=(ANN, "ANN@example.com")),
        replace(KNOWN, several=Several(twins=(Names("", ANN, "78"),))),
        replace(KNOWN, pending={"event": 3}),
    ],
)
def test_names_that_nothing_leads_back_to_are_needed(needed: PersonState) -> None:
    """A refusal could not be carried to another spelling or a second profile without them."""
    assert without_names(ANN, needed) is None
