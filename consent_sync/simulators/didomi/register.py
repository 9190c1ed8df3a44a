"""All user records, found by id, by the organisation's own id, or page by page."""

import base64
import binascii
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from consent_sync.simulators.didomi.errors import RefusalError
from consent_sync.simulators.didomi.records import User
from consent_sync.simulators.didomi.switches import Switches


class Register:
    """The user records in the order of their creation."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}
        self._by_ouid: dict[str, dict[str, User]] = {}
        self._by_sequence: dict[int, User] = {}
        self._sequences: list[int] = []

    def __len__(self) -> int:
        return len(self._users)

    def __iter__(self) -> Iterator[User]:
        return iter(list(self._users.values()))

    def clear(self) -> None:
        """Forget every record."""
        for held in (self._users, self._by_ouid, self._by_sequence, self._sequences):
            held.clear()

    def next_sequence(self) -> int:
        """Return the place of the next record."""
        return self._sequences[-1] + 1 if self._sequences else 1

    def get(self, user_id: str) -> User | None:
        """Return the record of this id, or none."""
        return self._users.get(user_id)

    def of(self, ouid: str) -> list[User]:
        """Return every record of an organisation user id, oldest first."""
        return list(self._by_ouid.get(ouid, {}).values())

    def find(
        self, user_id: str | None, ouid: str | None, device: str | None, *, several: bool
    ) -> User | None:
        """Return the record an event belongs to, or none; a record without an OUID gets this one.

        With `several` records per person the event's device decides, otherwise the person.
        """
        known = self._users.get(user_id) if user_id else None
        if known is not None and (ouid is None or known.organization_user_id):
            return known
        records = self.of(ouid) if ouid else []
        if several:
            same = [user for user in records if user.device == device]
            records = same if user_id is None else []
        if not records and known is not None and ouid is not None:
            self.assign(known, ouid)
            return known
        return next(iter(records), None)

    def shared(self) -> list[list[User]]:
        """Return the groups of records that share one organisation user id."""
        return [list(group.values()) for group in self._by_ouid.values() if len(group) > 1]

    def add(self, user: User) -> None:
        """Add a new record."""
        self._users[user.id] = user
        self._by_sequence[user.sequence] = user
        self._sequences.append(user.sequence)
        if user.organization_user_id is not None:
            self._by_ouid.setdefault(user.organization_user_id, {})[user.id] = user

    def remove(self, user: User) -> None:
        """Forget a record; its place in the order stays empty."""
        del self._users[user.id]
        del self._by_sequence[user.sequence]
        self._unlink(user)

    def assign(self, user: User, ouid: str) -> None:
        """Give a record an organisation user id."""
        self._unlink(user)
        user.organization_user_id = ouid
        self._by_ouid.setdefault(ouid, {})[user.id] = user

    def _unlink(self, user: User) -> None:
        group = self._by_ouid.get(user.organization_user_id or "", {})
        group.pop(user.id, None)
        if not group:
            self._by_ouid.pop(user.organization_user_id or "", None)

    def after(self, sequence: int) -> Iterator[User]:
        """Yield the records behind a place in the order."""
        for number in self._sequences[bisect_right(self._sequences, sequence) :]:
            user = self._by_sequence.get(number)
            if user is not None:
                yield user


@dataclass(frozen=True, slots=True)
class Page:
    """Users of one page and the cursor of the next one, or none at the end."""

    users: list[User]
    cursor: str | None


class Scan:
    """Pages through users with opaque cursors; raises RefusalError for a cursor that is not good."""

    def __init__(self, register: Register, switches: Switches) -> None:
        self._register = register
        self._switches = switches
        self._expired_before: datetime | None = None

    def expire_cursors(self, now: datetime) -> None:
        """Make every cursor given out so far a bad one."""
        self._expired_before = now

    def page(self, now: datetime, cursor: str | None, regulations: list[str]) -> Page:
        """Return the page that a cursor leads to, of users known under one of the regulations."""
        size = self._switches.page_size
        start = self._read(cursor, now) if cursor else 0
        users: list[User] = []
        for user in self._register.after(start):
            if not user.statuses.keys().isdisjoint(regulations):
                users.append(user)
            if len(users) > size:
                break
        shown = users[:size]
        return Page(shown, self._write(shown, now) if len(users) > size else None)

    def _write(self, shown: list[User], now: datetime) -> str:
        last = shown[-1]
        # A page of one user cannot begin with a user of the page before and still move on.
        if self._switches.cursor == "repeats" and len(shown) > 1:
            last = shown[-2]
        token = orjson.dumps({"after": last.sequence, "at": now.isoformat()})
        return base64.urlsafe_b64encode(token).decode().rstrip("=")

    def _read(self, cursor: str, now: datetime) -> int:
        try:
            token = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            after, issued = int(token["after"]), datetime.fromisoformat(token["at"])
        except (ValueError, KeyError, TypeError, binascii.Error) as error:
            raise RefusalError(400, "Invalid cursor", {"$cursor": "not a cursor"}) from error
        if self._is_expired(issued, now):
            raise RefusalError(400, "Invalid cursor", {"$cursor": "expired"})
        return after

    def _is_expired(self, issued: datetime, now: datetime) -> bool:
        if self._expired_before is not None and issued <= self._expired_before:
            return True
        life = timedelta(seconds=self._switches.cursor_life_seconds)
        return self._switches.cursor == "expires" and now - issued > life
