"""When a write that was answered with success is looked for, and when it is said that it fails.

An answer is not an effect. A write that nothing shows is written again, each time after a longer
wait, and in the end it fails visibly instead of being repeated for ever.
"""

from collections.abc import Iterable
from typing import Final

from consent_sync.domain.consent import WriteOutcome
from consent_sync.domain.identity import Side
from consent_sync.domain.lines import own_writes
from consent_sync.domain.moments import Micros
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import LineState

_WAITS: Final = (1, 6, 36, 144)
"""How long to wait for each write in a row to show, in units of `Rules.confirm_after`."""


def look_due(lines: Iterable[LineState], rules: Rules) -> tuple[Micros, ...]:
    """Return when to look for each answered write that nothing has shown yet; 0 = never looked for.

    Of several writes to a side only the newest one of what the side ought to hold still matters.
    """
    if not rules.confirm_after:
        return ()
    return tuple(
        at + rules.confirm_after * _WAITS[min(known.unshown.get(side, 1), len(_WAITS)) - 1]
        for known in lines
        for side in known.agreed
        if (at := _written_at(known, side)) is not None
    )


def shown_nowhere(known: LineState) -> bool:
    """Say whether an answered write was repeated, because a look had shown that it did not take."""
    return any(times > 1 for times in known.unshown.values())


def worn_out(known: LineState, side: Side) -> bool:
    """Say whether this side has answered so many writes without effect that one more is useless."""
    return known.unshown.get(side, 0) >= len(_WAITS)


def worn_out_reason(side: Side) -> str:
    """Return why nothing more is written to this side, for the timeline and the person's state."""
    return (
        f"{side.value.capitalize()} answered {len(_WAITS)} writes with success, and a look after "
        "each of them showed that nothing had changed; tried again with the next choice or replay"
    )


def _written_at(known: LineState, side: Side) -> Micros | None:
    agreed = known.agreed[side]
    if agreed.confirmed:
        return None
    sent = [
        write.sent_at
        for write in own_writes(known, side, agreed.choice)
        if write.outcome is WriteOutcome.SENT
    ]
    return max(sent, default=None)
