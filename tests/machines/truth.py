"""What people really chose, what both platforms hold, and what our writes made of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from consent_sync.adapters.actito.webhook import ActitoReceiver
from consent_sync.domain.consent import Choice
from consent_sync.domain.events import ProfileHint
from consent_sync.domain.identity import Side
from consent_sync.domain.moments import HOUR, SECOND, Micros
from consent_sync.domain.profile import ProfileChange
from consent_sync.simulators.didomi.merge import Consents
from tests.machines.stage import KEY, Mail, Platforms, arrivals

YES, NO, NONE = Choice.GRANTED, Choice.DENIED, Choice.NONE

ANN: Final = "ann@example.com"
BEN: Final = "ben@example.com"
PEOPLE: Final = (ANN, BEN)

INVERTED: Final = "DailyDeals"
TOPICS: Final = {"SportNews": "sport", "SmsDeals": "news"}
LINES: Final = ("Newsletter", INVERTED, *TOPICS)

TOLERANCE: Final = 2 * SECOND
MAX_DELAY: Final = HOUR

Place = tuple[str, str]
"""A person and a line."""


@dataclass(frozen=True)
class Said:
    """A choice a person really made; `changed` is false where the side held it already."""

    at: Micros
    side: Side
    choice: Choice
    changed: bool


@dataclass(frozen=True)
class Done:
    """What one of our writes changed, or meant to."""

    at: Micros
    side: Side
    choice: Choice


@dataclass(frozen=True)
class Heard:
    """A webhook of Actito as it arrived, or was lost: what it showed of a line."""

    at: Micros
    choice: Choice


@dataclass
class Truth:
    """Everything that happened to everybody, outside of the engine."""

    platforms: Platforms
    said: dict[Place, list[Said]] = field(default_factory=dict)
    wrote: dict[Place, list[Done]] = field(default_factory=dict)
    tried: dict[Place, list[Done]] = field(default_factory=dict)
    heard: dict[Place, list[Heard]] = field(default_factory=dict)
    lost: dict[Place, list[Heard]] = field(default_factory=dict)
    lost_in_didomi: dict[str, Micros] = field(default_factory=dict)
    looked: dict[tuple[str, Side], Micros] = field(default_factory=dict)
    held: dict[Place, dict[Side, Choice]] = field(default_factory=dict)

    def begin(self) -> None:
        """Take note of how everything is at the beginning."""
        self.held = {place: self.holds(place) for place in places()}

    # --- what is so ---

    def holds(self, place: Place) -> dict[Side, Choice]:
        """Return what both sides hold, in Didomi's sense."""
        person, line = place
        profile = self.platforms.actito.world.pick().match({KEY: person})
        held = None if profile is None else profile.subscriptions.get(line)
        actito = NONE if held is None else YES if held != (line == INVERTED) else NO
        users = self.platforms.didomi.world.users.of(person)
        status = users[0].statuses.get("gdpr") if users else None
        return {Side.ACTITO: actito, Side.DIDOMI: _in_didomi(status or Consents(), line)}

    def topics(self, person: str) -> set[str]:
        """Return the topics ticked in Didomi."""
        found = {line: self.holds((person, line))[Side.DIDOMI] for line in TOPICS}
        return {TOPICS[line] for line, choice in found.items() if choice is YES}

    def newest(self, place: Place) -> Said | None:
        """Return the newest choice on a line.

        Refusing in Actito what it refuses already is none: nobody can tell it from an echo of ours.
        """
        counted = [
            one
            for one in self.said.get(place, ())
            if one.changed or one.side is Side.DIDOMI or one.choice is YES
        ]
        return counted[-1] if counted else None

    def raised(self, place: Place) -> list[Done]:
        """Return the writes of ours that brought a yes about."""
        return [one for one in self.wrote.get(place, ()) if one.choice is YES]

    def is_lost(self, place: Place, said: Said) -> bool:
        """Say whether a webhook that may have told of this choice never arrived."""
        if said.side is Side.DIDOMI:
            return self.lost_in_didomi.get(place[0], 0) >= said.at
        lost = self.lost.get(place, ())
        return any(one.choice is said.choice and one.at >= said.at for one in lost)

    def has_arrived(self, place: Place, said: Said) -> bool:
        """Say whether a webhook that tells of this choice is known to have arrived."""
        if said.side is Side.DIDOMI:
            box = self.platforms.office.waiting[Side.DIDOMI]
            waiting = any(place[0].encode() in mail.body for mail in box)
            return not waiting and not self.is_lost(place, said)
        heard = self.heard.get(place, ())
        return any(one.choice is said.choice and one.at >= said.at for one in heard)

    # --- what happens ---

    def choose(self, side: Side, place: Place, choice: Choice) -> None:
        """Let a person choose on one line."""
        self.witness()
        person, line = place
        if side is Side.ACTITO:
            self._say(side, place, choice)
            wanted = (choice is YES) != (line == INVERTED)
            self.platforms.actito.people.choose(f"{KEY}={person}", {line: wanted})
        elif line in TOPICS:
            self._tick(person, line, choice)
        else:
            self._say(side, place, choice)
            part = {"channels": {"email": choice is YES}}
            if line == INVERTED:
                part = {"purposes": {"marketing": choice is YES}}
            self.platforms.didomi.click(person, part)
        self.held = {one: self.holds(one) for one in places()}

    def _tick(self, person: str, line: str, choice: Choice) -> None:
        """Save the page of topics with one of them changed: it names all that are ticked."""
        ticked = self.topics(person)
        chosen = ticked | {TOPICS[line]} if choice is YES else ticked - {TOPICS[line]}
        for each, topic in TOPICS.items():
            was, is_ticked = topic in ticked, topic in chosen
            never = all((person, each) != place for place in self.said)
            if was is not is_ticked:
                self._say(Side.DIDOMI, (person, each), YES if is_ticked else NO)
            elif chosen and not is_ticked and never:
                # A first list refuses all that is not in it: the page showed every topic.
                self._say(Side.DIDOMI, (person, each), NO)
        part = {"values": {"marketing": {"topics": sorted(chosen)}}}
        self.platforms.didomi.click(person, part)

    def _say(self, side: Side, place: Place, choice: Choice) -> None:
        changed = self.holds(place)[side] is not choice
        said = Said(self.platforms.clock.now(), side, choice, changed)
        self.said.setdefault(place, []).append(said)

    def witness(self) -> list[tuple[Place, Done, Choice]]:
        """Note what has changed since the last look: nobody but us can have done it.

        Returns what it was, too.
        """
        found = []
        for place in places():
            before, now = self.held[place], self.holds(place)
            for side in Side:
                if before[side] is not now[side]:
                    done = Done(self.platforms.clock.now(), side, now[side])
                    self.wrote.setdefault(place, []).append(done)
                    found.append((place, done, before[side]))
            self.held[place] = now
        return found

    def note_call(self, name: str, args: Sequence[Any]) -> None:
        """Note what the engine is about to ask or write."""
        now = self.platforms.clock.now()
        if name == "read_by_key begins":
            self.looked[(str(args[1]), Side.ACTITO)] = now
        elif name == "read_user begins":
            self.looked[(str(args[1]), Side.DIDOMI)] = now
        elif name in {"update begins", "create begins"} and isinstance(args[2], ProfileChange):
            for line, subscribed in args[2].subscriptions.items():
                choice = YES if subscribed != (line == INVERTED) else NO
                done = Done(now, Side.ACTITO, choice)
                self.tried.setdefault((str(args[1]), line), []).append(done)

    def note_mail(self, mail: Mail, *, arrived: bool) -> None:
        """Note a webhook that has arrived, or never will."""
        now = self.platforms.clock.now()
        if mail.side is Side.DIDOMI:
            if not arrived:
                lost = [one for one in PEOPLE if one.encode() in mail.body]
                self.lost_in_didomi.update(dict.fromkeys(lost, now))
            return
        book = self.heard if arrived else self.lost
        for hint in _hints(mail):
            for person in self._of_profile(hint):
                for line, subscribed in hint.subscriptions.items():
                    choice = YES if subscribed != (line == INVERTED) else NO
                    book.setdefault((person, line), []).append(Heard(now, choice))

    def _of_profile(self, hint: ProfileHint) -> Iterator[str]:
        for person in PEOPLE:
            profile = self.platforms.actito.world.pick().match({KEY: person})
            if profile is not None and str(profile.id) == hint.names.profile_id:
                yield person


def places() -> list[Place]:
    """Return every line of everybody."""
    return [(person, line) for person in PEOPLE for line in LINES]


def _hints(mail: Mail) -> list[ProfileHint]:
    read = ActitoReceiver().understand
    said = [read(one.body, KEY) for one in arrivals(mail)]
    return [one for one in said if isinstance(one, ProfileHint)]


def _in_didomi(status: Consents, line: str) -> Choice:
    if line == "Newsletter":
        found = status.channels.get("email")
        return NONE if found is None or found.enabled is None else YES if found.enabled else NO
    purpose = status.purposes.get("marketing")
    if purpose is None:
        return NONE
    if line == INVERTED:
        return NONE if purpose.enabled is None else YES if purpose.enabled else NO
    chosen = purpose.values.get("topics")
    return YES if chosen is not None and TOPICS[line] in chosen.values else NONE
