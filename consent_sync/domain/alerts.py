"""Alerts as states: what is wrong since when, and which receiver has been told of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

from consent_sync.domain.moments import HOUR, Micros

FORGET_AFTER: Micros = 90 * 24 * HOUR
"""How long an alert is remembered after it was cleared."""


class Trouble(NamedTuple):
    """Something a look found wrong. Both are words of ours and never say anything about a person.

    `about` is the side, file, mapping or account; empty where the alert is about everything.
    """

    about: str
    detail: str


Findings: TypeAlias = Mapping[str, Sequence[Trouble] | None]
"""By the name of the alert: what is wrong now; None where the look could not tell."""

Key: TypeAlias = tuple[str, str]
"""What makes an alert the same: its name and what it is about."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `changes` counts how often it was raised or cleared, `at` is the last time.

    `told` holds, by receiver, the change that receiver was told of.
    """

    name: str
    about: str
    changes: int
    at: Micros
    detail: str
    told: Mapping[str, int] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """Return what makes it the same alert."""
        return self.name, self.about

    @property
    def raised(self) -> bool:
        """Say whether it is raised: every second change clears it."""
        return self.changes % 2 == 1

    def changed(self, now: Micros, detail: str = "") -> "Alert":
        """Return it raised or cleared, whichever it was not; a cleared one keeps what it was about."""
        return replace(self, changes=self.changes + 1, at=now, detail=detail or self.detail)

    def news_for(self, receiver: str) -> bool:
        """Say whether a receiver has to be told: it is raised, or was when they heard of it last."""
        heard = self.told.get(receiver, 0)
        return heard != self.changes and (self.raised or heard % 2 == 1)

    def told_to(self, receiver: str) -> "Alert":
        """Return it with this receiver told."""
        return replace(self, told={**self.told, receiver: self.changes})


@dataclass(frozen=True, slots=True)
class AlertBook:
    """All alerts of one installation. `series` tells it from others, `since` is its first look."""

    series: str
    since: Micros
    alerts: tuple[Alert, ...] = ()

    def get(self, key: Key) -> Alert:
        """Return an alert, one that was never raised where it is not known."""
        found = (one for one in self.alerts if one.key == key)
        return next(found, Alert(*key, changes=0, at=self.since, detail=""))

    def with_alerts(self, alerts: Iterable[Alert]) -> "AlertBook":
        """Return the book with these in the place of what it knew of them."""
        known = {one.key: one for one in self.alerts} | {one.key: one for one in alerts}
        return replace(self, alerts=tuple(known[key] for key in sorted(known)))

    def judged(self, findings: Findings, now: Micros) -> "AlertBook":
        """Return the book after a look: what is newly wrong is raised, what is over is cleared."""
        changed: list[Alert] = []
        for name, troubles in findings.items():
            if troubles is None:
                continue
            wrong = {one.about: one.detail for one in troubles}
            for about, detail in wrong.items():
                if not (alert := self.get((name, about))).raised:
                    changed.append(alert.changed(now, detail))
            changed += [
                one.changed(now)
                for one in self.alerts
                if one.name == name and one.raised and one.about not in wrong
            ]
        book = self.with_alerts(changed)
        kept = [one for one in book.alerts if one.raised or now - one.at < FORGET_AFTER]
        return replace(book, alerts=tuple(kept))

    def changes_since(self, earlier: "AlertBook") -> list[Alert]:
        """Return what was raised or cleared between an earlier state of the book and this one."""
        return [one for one in self.alerts if one.changes != earlier.get(one.key).changes]
