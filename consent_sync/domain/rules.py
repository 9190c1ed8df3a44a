"""The few spans of time that the rules of consent depend on."""

from dataclasses import dataclass

from consent_sync.domain.moments import HOUR, MINUTE, SECOND, Micros


@dataclass(frozen=True, slots=True)
class Rules:
    """Spans in microseconds; docs/explanation/consent-rules.md explains each.

    `late_after`: a grant under way for longer does not wake a refusal seen meanwhile.
    `webhook_max_delay`: how long an Actito webhook may be under way at most.
    `tolerance`: how far two clocks may be apart before an order counts as certain.
    `confirm_after`: a write nobody has confirmed for so long is looked at; 0 = never.
    """

    late_after: Micros = 5 * MINUTE
    webhook_max_delay: Micros = HOUR
    tolerance: Micros = 2 * SECOND
    confirm_after: Micros = 10 * MINUTE
