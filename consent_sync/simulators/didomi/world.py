"""The platform's state and its rules, in memory and without I/O.

Pages: "Events" (merging, identifiers), "Consent event approvals", "Delete consent event", "Users".
"""

import random
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from consent_sync.simulators.didomi import dates
from consent_sync.simulators.didomi.errors import RefusalError
from consent_sync.simulators.didomi.merge import Consents
from consent_sync.simulators.didomi.notices import Notice, about_event, about_user
from consent_sync.simulators.didomi.organisation import Organisation
from consent_sync.simulators.didomi.records import (
    CONFIRMED,
    DEFAULT_REGULATION,
    Display,
    Event,
    User,
)
from consent_sync.simulators.didomi.register import Register, Scan
from consent_sync.simulators.didomi.shapes import Rendering
from consent_sync.simulators.didomi.statuses import Statuses, merged_metadata
from consent_sync.simulators.didomi.switches import Switches
from consent_sync.simulators.didomi.validation import problems
from consent_sync.simulators.didomi.wire import (
    ConsentsBody,
    EventBody,
    EventPatch,
    EventUser,
    JsonObject,
    UserBody,
    UserPatch,
)

Publish = Callable[[list[Notice]], None]


def _tell_nobody(notices: list[Notice]) -> None:
    """Publish to no one."""


class World:
    """One organisation's users and events; every change is published as notices."""

    def __init__(
        self,
        organisation: Organisation,
        switches: Switches,
        *,
        clock: dates.Clock = dates.utc_now,
        chance: random.Random | None = None,
        publish: Publish = _tell_nobody,
    ) -> None:
        self.organisation = organisation
        self.switches = switches
        self.users = Register()
        self.events: dict[str, Event] = {}
        self.scan = Scan(self.users, switches)
        self._orphans: dict[str, Event] = {}
        self._statuses = Statuses(switches)
        self._clock = clock
        self._chance = chance or random.Random(0)
        self._publish = publish

    # Looking

    def now(self) -> datetime:
        """Return the present moment as the platform stores it."""
        return dates.truncate(self._clock(), self.switches.date_precision)

    def new_id(self) -> str:
        """Return a new random id."""
        return str(uuid.UUID(int=self._chance.getrandbits(128), version=4))

    def display(self, *, full_tree: bool = False) -> Display:
        """Return how records are shown now."""
        switches = self.switches
        rendering = Rendering(
            self.organisation,
            "full_tree" if full_tree else switches.api_generation,
            switches.empty_selection,
            not switches.disable_preferences_in_consents,
        )
        return Display(
            self.organisation.id, rendering, switches.date_precision, switches.user_regulation
        )

    def user(self, key: str, *, by_ouid: bool = False) -> User:
        """Return a user by id or by organisation user id; raises RefusalError (404)."""
        found = next(iter(self.users.of(key)), None) if by_ouid else self.users.get(key)
        if found is None:
            raise RefusalError(404, "User not found")
        return found

    def event(self, event_id: str) -> Event:
        """Return an event; raises RefusalError (404)."""
        event = self.events.get(event_id)
        if event is None or event.hidden:
            raise RefusalError(404, "Event not found")
        return event

    def events_of(self, *, user_id: str | None = None, ouid: str | None = None) -> list[Event]:
        """Return every event of a Didomi user, or of all records of a person, in the order of application."""
        one = self.users.get(user_id) if user_id is not None else None
        users = [one] if one is not None else self.users.of(ouid) if ouid is not None else []
        found = [event for user in users for event in user.events.values() if not event.hidden]
        found += [
            event
            for event in self._orphans.values()
            if user_id == event.user.id or (ouid and ouid == event.user.organization_user_id)
        ]
        return sorted(found, key=self._statuses.order)

    def clear(self) -> None:
        """Forget every user and event."""
        self.users.clear()
        self.events.clear()
        self._orphans.clear()

    # Events

    def check(self, body: EventBody) -> Event | None:
        """Return the existing event when a repeat is answered with it; raises RefusalError for a bad event."""
        wrong = problems(body.consents, self.organisation, self.switches)
        if wrong:
            raise RefusalError(400, "Invalid consents", wrong)
        existing = self.events.get(body.id) if body.id else None
        if existing is not None and self.switches.duplicate_event != 200:
            raise RefusalError(self.switches.duplicate_event, "Event already exists")
        return existing

    def post_event(
        self, body: EventBody, *, silent: bool = False, device: str | None = None
    ) -> Event:
        """Store one event and let it take effect when it is confirmed; raises RefusalError (400, 409)."""
        return self.check(body) or self._record(body, silent=silent, device=device)

    def post_batch(
        self, items: Sequence[EventBody | RefusalError], *, silent: bool = False
    ) -> list[Event | RefusalError]:
        """Store several events; a bad one refuses all of them or only itself, as the switch says."""
        if self.switches.batch_error == "whole":
            self._check_all(items)
        return [self._post_or_refuse(item, silent=silent) for item in items]

    def _check_all(self, items: Sequence[EventBody | RefusalError]) -> None:
        seen: set[str] = set()
        for number, item in enumerate(items):
            try:
                if isinstance(item, RefusalError):
                    raise item
                self.check(item)
                if item.id in seen and self.switches.duplicate_event != 200:
                    raise RefusalError(self.switches.duplicate_event, "Event already exists")
            except RefusalError as error:
                message = f"Item {number}: {error.message}"
                raise RefusalError(error.status, message, error.errors) from error
            seen.update([item.id] if item.id else [])

    def _post_or_refuse(
        self, item: EventBody | RefusalError, *, silent: bool
    ) -> Event | RefusalError:
        try:
            return item if isinstance(item, RefusalError) else self.post_event(item, silent=silent)
        except RefusalError as error:
            return error

    def _record(self, body: EventBody, *, silent: bool, device: str | None) -> Event:
        user, is_new = self._locate(body.user, device)
        event = Event(
            id=body.id or self.new_id(),
            user=user,
            body=body,
            created_at=self._event_date(user, body.created_at),
            updated_at=self.now(),
            status=body.status or CONFIRMED,
            regulation=body.regulation or DEFAULT_REGULATION,
        )
        self._keep_proofs(event)
        user.statuses.setdefault(event.regulation, Consents())
        self.events[event.id] = user.events[event.id] = event
        shown = self.display().event(event)
        notices = [about_event(event, "event.created", {"entity": shown}, silent=silent)]
        if event.status == CONFIRMED:
            old = None if is_new else self.display().user(user, event.regulation)
            self._set_person(event)
            self._statuses.merge_new(event)
            notices.append(self._user_changed(event, old, shown, silent=silent))
        self._publish(notices)
        return event

    def patch_event(self, event: Event, patch: EventPatch, *, silent: bool = False) -> None:
        """Change an event, for example approve it with `status: confirmed`, and compute the status again."""
        display, was_applied = self.display(), event.status == CONFIRMED
        old, old_user = display.event(event), display.user(event.user, event.regulation)
        names = ("consents", "proofs", "proofs_id", "delegate")
        changes = {name: value for name in names if (value := getattr(patch, name)) is not None}
        event.body = event.body.model_copy(update=changes)
        self._keep_proofs(event)
        event.status = patch.status or event.status
        event.updated_at = self.now()
        new = display.event(event)
        entities: JsonObject = {"source": new, "old_entity": old, "new_entity": new}
        notices = [about_event(event, "event.updated", entities, silent=silent)]
        if event.status == CONFIRMED and not was_applied:
            self._set_person(event)
        if event.status == CONFIRMED or was_applied:
            self._statuses.compute(event.user, event.regulation)
            notices.append(self._user_changed(event, old_user, new, silent=silent))
        self._publish(notices)

    def delete_events(self, events: Iterable[Event], *, silent: bool = False) -> None:
        """Delete events and compute the statuses as if these had never existed."""
        for event in events:
            notices = [self._forget(event, silent=silent)]
            if event.status == CONFIRMED and self.users.get(event.user.id) is event.user:
                old = self.display().user(event.user, event.regulation)
                self._statuses.compute(event.user, event.regulation)
                notices.append(self._user_changed(event, old, None, silent=silent))
            self._publish(notices)

    # Users

    def post_user(self, body: UserBody, *, silent: bool = False) -> User:
        """Create a user; raises RefusalError (409) when the id is taken or the person already has the one record."""
        ouid = body.organization_user_id
        taken = bool(ouid and self.users.of(ouid)) and self.switches.records_per_ouid != "several"
        if taken or (body.id and self.users.get(body.id)):
            raise RefusalError(409, "User already exists")
        user = self._create(body.id, ouid, None)
        user.statuses[DEFAULT_REGULATION] = Consents()
        self._set_fields(user, body)
        entity: JsonObject = {"entity": self.display().user(user, DEFAULT_REGULATION)}
        self._publish([about_user(user, "user.created", DEFAULT_REGULATION, entity, silent=silent)])
        return user

    def patch_user(self, user: User, patch: UserPatch, *, silent: bool = False) -> None:
        """Change a user; raises RefusalError when `version` is given and not the current one."""
        if patch.version is not None and patch.version != user.version:
            status = self.switches.stale_version_status
            raise RefusalError(status, "Stale version", {"version": user.version})
        before = self._shown(user)
        self._set_fields(user, patch)
        self._publish(self._user_touched(user, before, silent=silent))

    def delete_user(self, user: User, *, silent: bool = False) -> None:
        """Delete a user, and the user's events where the platform is set to erase them."""
        gone = self._shown(user)
        notices: list[Notice] = []
        for event in sorted(user.events.values(), key=self._statuses.order):
            if event.hidden:
                del self.events[event.id]
            elif self.switches.user_deletion_erases_events:
                notices.append(self._forget(event, silent=silent))
            else:
                self._orphans[event.id] = event
        self.users.remove(user)
        notices += [
            about_user(user, "user.deleted", key, {"entity": entity}, silent=silent)
            for key, entity in gone.items()
        ]
        self._publish(notices)

    def merge_records(self) -> int:
        """Leave one record per organisation user id, the oldest; return how many were merged into another."""
        merged = [(oldest, other) for oldest, *rest in self.users.shared() for other in rest]
        for oldest, other in merged:
            self._absorb(oldest, other)
        return len(merged)

    def _absorb(self, oldest: User, other: User) -> None:
        gone = self._shown(other)
        for key in gone:
            oldest.statuses.setdefault(key, Consents())
        before = self._shown(oldest)
        for event in other.events.values():
            event.user = oldest
        oldest.events.update(other.events)
        oldest.metadata = merged_metadata(other.metadata, oldest.metadata)
        self.users.remove(other)
        for key in before:
            self._statuses.compute(oldest, key)
        notices = self._user_touched(oldest, before, silent=False)
        notices += [
            about_user(other, "user.deleted", key, {"entity": entity})
            for key, entity in gone.items()
        ]
        self._publish(notices)

    # Inside

    def _event_date(self, user: User, given: datetime | None) -> datetime:
        """Return the date of an event; two that the platform dates itself never tie."""
        precision = self.switches.date_precision
        if given is not None:
            return dates.truncate(given, precision)
        moment = self.now()
        if precision != "second" and user.stamped_at is not None:
            moment = max(moment, user.stamped_at + dates.step(precision))
        user.stamped_at = moment
        return moment

    def _locate(self, who: EventUser, device: str | None) -> tuple[User, bool]:
        several = self.switches.records_per_ouid == "several"
        found = self.users.find(who.id, who.organization_user_id, device, several=several)
        if found is not None:
            return found, False
        return self._create(who.id, who.organization_user_id, device), True

    def _create(self, user_id: str | None, ouid: str | None, device: str | None) -> User:
        now = self.now()
        user = User(
            id=user_id or self.new_id(),
            sequence=self.users.next_sequence(),
            created_at=now,
            updated_at=now,
            organization_user_id=ouid,
            device=device,
        )
        self.users.add(user)
        return user

    def _forget(self, event: Event, *, silent: bool) -> Notice:
        shown = self.display().event(event)
        del self.events[event.id]
        event.user.events.pop(event.id, None)
        self._orphans.pop(event.id, None)
        return about_event(event, "event.deleted", {"entity": shown}, silent=silent)

    def _keep_proofs(self, event: Event) -> None:
        body = event.body
        if body.proofs:
            ids = [*(body.proofs_id or []), *(self.new_id() for _ in body.proofs)]
            event.body = body.model_copy(update={"proofs": None, "proofs_id": ids})

    def _shown(self, user: User) -> dict[str, JsonObject]:
        display = self.display()
        return {key: display.user(user, key) for key in user.statuses}

    def _user_changed(
        self, event: Event, old: JsonObject | None, source: JsonObject | None, *, silent: bool
    ) -> Notice:
        """Tell of the status after an event; `old` is none for a user that the event made."""
        user, regulation = event.user, event.regulation
        if old is None:
            entity: JsonObject = {"entity": self.display().user(user, regulation)}
            return about_user(user, "user.created", regulation, entity, silent=silent)
        self._touch(user)
        entities: JsonObject = {} if source is None else {"source": source}
        entities |= {"old_entity": old, "new_entity": self.display().user(user, regulation)}
        return about_user(user, "user.updated", regulation, entities, silent=silent)

    def _user_touched(
        self, user: User, before: dict[str, JsonObject], *, silent: bool
    ) -> list[Notice]:
        self._touch(user)
        after = self._shown(user)
        return [
            about_user(
                user,
                "user.updated",
                key,
                {"old_entity": old, "new_entity": after[key]},
                silent=silent,
            )
            for key, old in before.items()
        ]

    def _touch(self, user: User) -> None:
        user.version += 1
        user.updated_at = self.now()

    def _set_person(self, event: Event) -> None:
        user, sent = event.user, event.body.user
        user.metadata = merged_metadata(user.metadata, sent.metadata)
        user.country = sent.country or user.country
        user.last_seen_country = sent.last_seen_country or user.last_seen_country

    def _set_fields(self, user: User, sent: UserPatch) -> None:
        if sent.organization_user_id not in (None, user.organization_user_id):
            self.users.assign(user, str(sent.organization_user_id))
        if sent.metadata is not None:
            held = user.metadata if self.switches.patch_metadata == "merge" else {}
            user.metadata = merged_metadata(held, sent.metadata)
        user.country = sent.country or user.country
        user.last_seen_country = sent.last_seen_country or user.last_seen_country
        if sent.consents is not None:
            self._write_consents(user, sent.consents)

    def _write_consents(self, user: User, consents: ConsentsBody) -> None:
        now = self._event_date(user, None)
        body = EventBody(consents=consents)
        event = Event(self.new_id(), user, body, created_at=now, updated_at=now, hidden=True)
        self.events[event.id] = user.events[event.id] = event
        self._statuses.compute(user, event.regulation)
