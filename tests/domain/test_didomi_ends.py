"""Of all that a webhook's lines came to, which one is told."""

import pytest

from consent_sync.domain.didomi_ends import nothing_new
from consent_sync.domain.lines import Added
from consent_sync.domain.verdicts import Verdict


@pytest.mark.parametrize(
    ("lines", "verdict"),
    [
        ([], Verdict.NOT_MAPPED),
        ([Added.KNOWN], Verdict.NO_CHANGE),
        ([Added.KNOWN, Added.CONFIRMED], Verdict.CONFIRMED),
        ([Added.CONFIRMED, Added.PENDING], Verdict.HELD_PENDING),
        ([Added.KNOWN, Added.OLDER], Verdict.OLDER),
        ([Added.OLDER, Added.DOUBTFUL], Verdict.NO_CHANGE),
    ],
)
def test_what_asks_for_most_attention_is_told(lines: list[Added], verdict: Verdict) -> None:
    """A webhook about many lines ends in one word, and nothing mapped means just that."""
    assert nothing_new(lines)[0] is verdict


@pytest.mark.parametrize("way", [way for way in Added if way is not Added.NEW])
def test_every_way_to_bring_nothing_new_has_a_reason(way: Added) -> None:
    """Nobody is told that nothing was mapped when something was."""
    verdict, reason = nothing_new([way])

    assert verdict is not Verdict.NOT_MAPPED
    assert reason
