"""One profile table in memory: finding, creating, updating and deleting profiles under the table's rules, without I/O."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import JsonValue

from consent_sync.simulators.actito.profiles import (
    Change,
    Interaction,
    Kind,
    Origin,
    Profile,
    Write,
)
from consent_sync.simulators.actito.refusal import RefusalError
from consent_sync.simulators.actito.structure import SYSTEM_ATTRIBUTES, Attribute, TableSpec
from consent_sync.simulators.actito.switches import Switches
from consent_sync.simulators.actito.values import Value, read_value


class Key(NamedTuple):
    """How a path names a profile: by a unique attribute and the text of its value, or by its id."""

    attribute: str
    text: str


@dataclass(frozen=True, slots=True)
class Saved:
    """The outcome of a write."""

    profile: Profile
    change: Change


class Table:
    """A profile table and its profiles; every refusal is raised before anything is changed."""

    def __init__(self, entity: str, spec: TableSpec, switches: Switches) -> None:
        self.entity = entity
        self.id = spec.id
        self.name = spec.name
        self.attributes = {attribute.name: attribute for attribute in spec.attributes}
        self.subscriptions = tuple(spec.subscriptions)
        self.profiles: dict[int, Profile] = {}
        self._names = frozenset(spec.subscriptions)
        self._unique = [
            each.name
            for each in spec.attributes
            if each.unique and each.name not in SYSTEM_ATTRIBUTES
        ]
        # Folded value to profile ids, so that exact and case-blind matching share one index.
        self._index: dict[str, dict[str, list[int]]] = {name: {} for name in self._unique}
        self._switches = switches
        self._next_id = spec.first_profile_id

    def __iter__(self) -> Iterator[Profile]:
        return iter(self.profiles.values())

    def attribute(self, name: str) -> Attribute:
        """Return an attribute; raises RefusalError 400 for an unknown name."""
        try:
            return self.attributes[name]
        except KeyError:
            raise RefusalError(400, f"unknown attribute {name!r}") from None

    def add_subscription(self, name: str) -> None:
        """Give the table one more subscription; nobody is subscribed to it."""
        self._names |= {name}
        self.subscriptions = (*self.subscriptions, name)

    def remove_subscription(self, name: str) -> None:
        """Take a subscription away, with what everybody held; a rename is this and an addition."""
        self._names -= {name}
        self.subscriptions = tuple(each for each in self.subscriptions if each != name)
        for profile in self.profiles.values():
            profile.subscriptions.pop(name, None)

    def is_mandatory(self, attribute: Attribute) -> bool:
        """Tell whether a profile must have a value, by the table or by the switch."""
        return attribute.mandatory or attribute.name in self._switches.mandatory_attributes

    def find(self, key: Key) -> Profile | None:
        """Look a profile up; raises RefusalError 400 when the key's attribute is not unique."""
        if key.attribute == "profileId":
            return self.profiles.get(int(key.text)) if _is_number(key.text) else None
        if key.attribute not in self._index:
            self.attribute(key.attribute)
            raise RefusalError(400, f"attribute {key.attribute!r} is not unique")
        return self._holder(key.attribute, key.text)

    def get(self, key: Key) -> Profile:
        """Look a profile up; raises RefusalError 404 when there is none."""
        profile = self.find(key)
        if profile is None:
            raise RefusalError(404, "no such profile")
        return profile

    def match(self, attributes: Mapping[str, JsonValue]) -> Profile | None:
        """Find the profile that the unique values of a body belong to; raises RefusalError when they belong to several."""
        found: Profile | None = None
        for name in self._unique:
            raw = attributes.get(name)
            if raw is None:
                continue
            holder = self._holder(name, str(read_value(self.attributes[name], raw, self._switches)))
            if holder is not None and found is not None and holder is not found:
                status = self._switches.key_conflict_answer
                raise RefusalError(status, "unique values belong to different profiles")
            found = holder or found
        return found

    def create(self, write: Write, now: float) -> Saved:
        """Add a profile; raises RefusalError when a value does not fit, is taken, or a mandatory one is missing."""
        values = self._read(write)
        kept = {name: value for name, value in values.items() if value is not None}
        for attribute in self.attributes.values():
            if attribute.name in SYSTEM_ATTRIBUTES or not self.is_mandatory(attribute):
                continue
            if attribute.name not in kept:
                raise RefusalError(400, f"mandatory attribute {attribute.name} is missing")
        self._refuse_taken(values, None)
        profile = Profile(self._next_id, created=now, updated=now)
        self._next_id += 1
        self.profiles[profile.id] = profile
        self._store(profile, kept)
        subscriptions = dict(write.subscriptions)
        self._subscribe(profile, subscriptions, write, now)
        _segment(profile, write)
        return Saved(
            profile,
            self._change(Kind.CREATED, profile, write.origin, kept, subscriptions, values),
        )

    def update(self, profile: Profile, write: Write, now: float) -> Saved:
        """Change what a write names and keep the rest; raises RefusalError when a value does not fit or is taken."""
        values = self._read(write)
        held = profile.attributes
        changed = {name: value for name, value in values.items() if held.get(name) != value}
        self._refuse_taken(changed, profile)
        subscriptions = {
            name: subscribed
            for name, subscribed in write.subscriptions.items()
            if profile.subscriptions.get(name) is not subscribed
        }
        self._store(profile, changed)
        self._subscribe(profile, subscriptions, write, now)
        _segment(profile, write)
        if changed or subscriptions:
            profile.updated = now
        asked = dict(write.subscriptions)
        return Saved(
            profile,
            self._change(
                Kind.UPDATED, profile, write.origin, changed, subscriptions, values, asked
            ),
        )

    def delete(self, profile: Profile, origin: Origin) -> Change:
        """Remove a profile with its trace of interactions."""
        change = self._change(Kind.DELETED, profile, origin, {}, {}, {})
        self._store(profile, dict.fromkeys(profile.attributes))
        del self.profiles[profile.id]
        return change

    def check_subscription(self, name: str, status: int = 400) -> None:
        """Raise RefusalError with the given status when the table has no such subscription; names match byte for byte."""
        if name not in self._names:
            raise RefusalError(status, f"unknown subscription {name!r}")

    def _read(self, write: Write) -> dict[str, Value | None]:
        """Check all of a write and return its values typed; none is for clearing."""
        for name in write.subscriptions:
            self.check_subscription(name)
        values: dict[str, Value | None] = {}
        for name, raw in write.attributes.items():
            attribute = self.attribute(name)
            if name in SYSTEM_ATTRIBUTES:
                raise RefusalError(400, f"attribute {name} is generated and cannot be sent")
            if raw is not None:
                values[name] = read_value(attribute, raw, self._switches)
            elif self._switches.null_clears:
                if self.is_mandatory(attribute):
                    raise RefusalError(400, f"mandatory attribute {name} cannot be cleared")
                values[name] = None
        return values

    def _refuse_taken(self, values: Mapping[str, Value | None], owner: Profile | None) -> None:
        for name in self._unique:
            value = values.get(name)
            if value is None:
                continue
            holder = self._holder(name, str(value))
            if holder is not None and holder is not owner:
                raise RefusalError(self._switches.key_conflict_answer, f"{name} belongs to another")

    def _holder(self, name: str, text: str) -> Profile | None:
        for number in self._index[name].get(text.casefold(), ()):
            profile = self.profiles[number]
            if self._switches.keys_ignore_case or str(profile.attributes[name]) == text:
                return profile
        return None

    def _store(self, profile: Profile, values: Mapping[str, Value | None]) -> None:
        for name, value in values.items():
            index = self._index.get(name)
            if index is not None:
                _reindex(index, profile.id, profile.attributes.get(name), value)
            if value is None:
                profile.attributes.pop(name, None)
            else:
                profile.attributes[name] = value

    def _subscribe(
        self, profile: Profile, subscriptions: Mapping[str, bool], write: Write, now: float
    ) -> None:
        for name, subscribed in subscriptions.items():
            profile.subscriptions[name] = subscribed
            trace = Interaction(now, name, subscribed, write.origin, write.provenance)
            profile.interactions.append(trace)

    def _change(
        self,
        kind: Kind,
        profile: Profile,
        origin: Origin,
        attributes: Mapping[str, Value | None],
        subscriptions: Mapping[str, bool],
        asked_attributes: Mapping[str, Value | None],
        asked_subscriptions: Mapping[str, bool] | None = None,
    ) -> Change:
        held = profile.attributes
        return Change(
            kind=kind,
            entity=self.entity,
            table_id=self.id,
            profile_id=profile.id,
            origin=origin,
            attributes=attributes,
            subscriptions=subscriptions,
            asked_attributes=asked_attributes,
            asked_subscriptions=subscriptions
            if asked_subscriptions is None
            else asked_subscriptions,
            unique={name: held[name] for name in self._unique if name in held},
        )


def _reindex(
    index: dict[str, list[int]], number: int, old: Value | None, new: Value | None
) -> None:
    if old is not None:
        numbers = index[str(old).casefold()]
        numbers.remove(number)
        if not numbers:
            del index[str(old).casefold()]
    if new is not None:
        index.setdefault(str(new).casefold(), []).append(number)


def _segment(profile: Profile, write: Write) -> None:
    profile.segmentations.extend(
        each for each in write.segmentations if each not in profile.segmentations
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
