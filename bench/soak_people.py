"""Who lives through the soak: their clicks on both platforms, and what the platforms' own books say.

Some choose in Didomi only, some in Actito only, and some change their mind on the other side each
time, once both sides hold what they chose last.
"""

import random
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from consent_sync.simulators.actito import ActitoSimulator
from consent_sync.simulators.actito.profiles import Origin
from consent_sync.simulators.didomi import DidomiSimulator
from consent_sync.simulators.didomi.merge import Consents
from consent_sync.simulators.didomi.records import Event

LINES: Final = ("Newsletter", "DailyDeals")
MIXED: Final = "mixed"
_KINDS: Final = ("didomi", "actito", MIXED)
_APART_SECONDS: Final = 5.0
"""How long both sides must have agreed before somebody changes sides: longer than clocks differ."""


class Person(NamedTuple):
    """One human: the id on both sides, the number of the profile, and where they choose."""

    ouid: str
    profile: int
    kind: str


class Click(NamedTuple):
    """One choice of a person, when it was made and on which side."""

    at: float
    choice: bool
    side: str


class Effect(NamedTuple):
    """One change on a platform that no person made there; `at` in seconds since 1970."""

    at: float
    choice: bool


@dataclass
class Crowd:
    """Everybody, and every choice they made, by person and line."""

    didomi: DidomiSimulator
    actito: ActitoSimulator
    chance: random.Random
    people: list[Person] = field(default_factory=list)
    clicks: dict[tuple[Person, str], list[Click]] = field(default_factory=lambda: defaultdict(list))
    people_events: set[str] = field(default_factory=set)
    _agreed: dict[tuple[Person, str], float] = field(default_factory=dict)
    """Since when both sides were seen to hold the newest choice of somebody who changes sides."""

    def populate(self, number: int) -> None:
        """Give so many people a profile without any subscription, silently."""
        for one in range(number):
            kind = _KINDS[one % len(_KINDS)]
            ouid = f"{kind}-{one:05}@example.com"
            profile = self.actito.world.seed({"customerId": ouid}).id
            self.people.append(Person(ouid, profile, kind))

    def begin(self) -> Iterator[None]:
        """Let everybody choose in Didomi on each line, one after the other.

        So the program knows of everybody; at a first contact it would hold what it cannot date.
        """
        for person in self.people:
            for line in LINES:
                self._choose(person, line, "didomi", wanted=self.chance.random() < 0.5)
                yield

    def click(self) -> None:
        """Let somebody change their mind on one line; in Didomi several times at once now and then.

        A no in Actito that is taken back at once beside an agreement of ours counts as overrun, by
        the rules, so nobody does that here.
        """
        person, line = self.chance.choice(self.people), self.chance.choice(LINES)
        if person.kind != MIXED:
            times = self.chance.choice((1, 1, 1, 1, 2, 5)) if person.kind == "didomi" else 1
            for _ in range(times):
                self._choose(person, line, person.kind)
            return
        last, now = self.clicks[person, line][-1], time.time()
        if self.held(person, line) != (last.choice, last.choice):
            self._agreed.pop((person, line), None)
        elif now - self._agreed.setdefault((person, line), now) > _APART_SECONDS:
            del self._agreed[person, line]
            self._choose(person, line, "actito" if last.side == "didomi" else "didomi")

    def held(self, person: Person, line: str) -> tuple[bool | None, bool | None]:
        """Return what Didomi and Actito hold."""
        users = self.didomi.world.users.of(person.ouid)
        status = users[0].statuses.get("gdpr", Consents())
        return _choice(status, line), self.actito.world.subscriptions(person.profile).get(line)

    def choices(self, person: Person, line: str) -> list[Click]:
        """Return what somebody who chooses on one side chose there."""
        return [one for one in self.clicks[person, line] if one.side == person.kind]

    def effects(self, person: Person, line: str) -> list[Effect]:
        """Return what the program changed for them on the other side, without what changed nothing."""
        if person.kind == "didomi":
            profile = self.actito.world.pick().profiles[person.profile]
            return [
                Effect(one.at, one.subscribed)
                for one in profile.interactions
                if one.origin is Origin.API and one.subscription == line
            ]
        found, held = [], None
        events = self.didomi.world.events_of(ouid=person.ouid)
        for event in sorted(events, key=lambda one: one.updated_at):
            choice = _said(event, line)
            if choice is None:
                continue
            if choice is not held and event.id not in self.people_events:
                found.append(Effect(event.updated_at.timestamp(), choice))
            held = choice
        return found

    def _choose(self, person: Person, line: str, side: str, *, wanted: bool | None = None) -> None:
        """Let a person choose this, or the reverse of what they chose last."""
        made = self.clicks[person, line]
        choice = not made[-1].choice if wanted is None else wanted
        made.append(Click(time.time(), choice, side))
        if side == "didomi":
            event = self.didomi.click(person.ouid, _consents({line: choice}))
            self.people_events.add(event.id)
        else:
            self.actito.people.choose(person.profile, {line: choice})


def unasked(clicks: list[Click], effects: list[Effect]) -> list[Effect]:
    """Return the effects that stand for no choice of their own: each choice may take effect once."""
    found, at = [], 0
    for effect in effects:
        fits = (
            number
            for number in range(at, len(clicks))
            # Books that keep milliseconds may tell a moment slightly too early.
            if clicks[number].choice is effect.choice and clicks[number].at <= effect.at + 0.002
        )
        number = next(fits, None)
        if number is None:
            found.append(effect)
        else:
            at = number + 1
    return found


def lags(clicks: list[Click], effects: list[Effect]) -> list[tuple[float, float]]:
    """Return when each effect took place, and how long after the newest choice that it stands for."""
    moments = [one.at for one in clicks]
    found = []
    for effect in effects:
        number = bisect_right(moments, effect.at + 0.002) - 1
        while number >= 0 and clicks[number].choice is not effect.choice:
            number -= 1
        if number >= 0:
            found.append((effect.at, max(0.0, effect.at - clicks[number].at)))
    return found


def _consents(held: dict[str, bool]) -> dict[str, object]:
    found: dict[str, object] = {}
    if "Newsletter" in held:
        found["channels"] = {"email": held["Newsletter"]}
    if "DailyDeals" in held:
        found["purposes"] = {"marketing": held["DailyDeals"]}
    return found


def _choice(held: Consents, line: str) -> bool | None:
    nodes = held.channels if line == "Newsletter" else held.purposes
    node = nodes.get("email" if line == "Newsletter" else "marketing")
    return None if node is None else node.enabled


def _said(event: Event, line: str) -> bool | None:
    nodes = (event.consents.channels if line == "Newsletter" else event.consents.purposes) or []
    wanted = "email" if line == "Newsletter" else "marketing"
    return next((one.enabled for one in nodes if one.id == wanted), None)
