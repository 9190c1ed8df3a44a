"""How a Didomi webhook ends that tells of no new choice, and the reason given for it."""

from collections.abc import Iterable
from collections.abc import Mapping as MappingView

from consent_sync.domain.lines import Added
from consent_sync.domain.verdicts import Verdict

_NOTHING_NEW: MappingView[Added, tuple[Verdict, str]] = {
    Added.DOUBTFUL: (
        Verdict.NO_CHANGE,
        "it may be older than our own change, so Didomi is asked itself",
    ),
    Added.NOT_TAKEN: (
        Verdict.NO_CHANGE,
        "it shows that a refusal that we wrote did not take in Didomi; it is written again",
    ),
    Added.OLDER: (Verdict.OLDER, "a newer choice of the same person is already known"),
    Added.NOT_COUNTED: (
        Verdict.NO_CHANGE,
        "on this line an agreement counts only when given in Actito",
    ),
    Added.PENDING: (Verdict.HELD_PENDING, "waits for approval in Didomi"),
    Added.CONFIRMED: (Verdict.CONFIRMED, "Didomi shows the change that we made"),
    Added.KNOWN: (Verdict.NO_CHANGE, "what it says is already known"),
}
"""Of all that an item's lines came to, the first of these is the item's own end."""


def nothing_new(added: Iterable[Added]) -> tuple[Verdict, str]:
    """Return the verdict and the reason, from what each of the item's mapped lines came to."""
    ways = set(added)
    for way, end in _NOTHING_NEW.items():
        if way in ways:
            return end
    return Verdict.NOT_MAPPED, "it names nothing that this mapping file maps"
