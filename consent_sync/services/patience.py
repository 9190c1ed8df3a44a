"""Looking that outlasts short trouble: the same calls, tried again after a pause, a few times."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from consent_sync.domain.consent import ConsentTree
from consent_sync.domain.errors import CredentialError, TemporaryError
from consent_sync.domain.events import ProfileMissing, ProfileReading
from consent_sync.domain.mapping import Mapping
from consent_sync.ports.clock import Clock
from consent_sync.ports.lists import (
    ConsentLists,
    CursorError,
    ListedEvent,
    ListedUser,
    ProfileSource,
    UserList,
    UserLook,
)

Result = TypeVar("Result")

PAUSES_SECONDS: Final = (1.0, 5.0, 15.0, 60.0)
"""How long is waited before each new attempt, unless the platform names a longer time."""


class PatientLists:
    """Didomi's lists; raises only what still stands in the way after the last attempt."""

    def __init__(self, lists: ConsentLists, clock: Clock) -> None:
        self._lists = lists
        self._clock = clock

    async def list_users(self, mapping: Mapping, cursor: str | None) -> UserList:
        """Return a page of all users."""
        return await patiently(lambda: self._lists.list_users(mapping, cursor), self._clock)

    async def look_at_user(self, mapping: Mapping, ouid: str) -> UserLook:
        """Return one organisation user id with all its records."""
        return await patiently(lambda: self._lists.look_at_user(mapping, ouid), self._clock)

    def user_webhook(self, mapping: Mapping, user: ListedUser, told: ConsentTree) -> bytes:
        """Return the webhook that would show this user with these choices and no others."""
        return self._lists.user_webhook(mapping, user, told)

    async def list_events(self, mapping: Mapping, ouid: str) -> tuple[ListedEvent, ...]:
        """Return the events of one organisation user id."""
        return await patiently(lambda: self._lists.list_events(mapping, ouid), self._clock)


class PatientProfiles:
    """Actito's profiles; raises only what still stands in the way after the last attempt."""

    def __init__(self, profiles: ProfileSource, clock: Clock) -> None:
        self._profiles = profiles
        self._clock = clock

    async def read_by_key(self, mapping: Mapping, key: str) -> ProfileReading | ProfileMissing:
        """Return one profile by the value of the mapping's unique key."""
        try:
            # Nearly always it works at once, and everybody is read this way.
            return await self._profiles.read_by_key(mapping, key)
        except CredentialError:
            raise
        except TemporaryError as error:
            await self._clock.sleep(max(PAUSES_SECONDS[0], error.retry_after or 0))
        return await patiently(lambda: self._profiles.read_by_key(mapping, key), self._clock)


async def patiently(call: Callable[[], Awaitable[Result]], clock: Clock) -> Result:
    """Return what the call returns, tried again after short trouble; raises the last trouble.

    Refused credentials and a refused cursor are not waited for: neither gets better by itself.
    """
    for pause in PAUSES_SECONDS:
        try:
            return await call()
        except (CredentialError, CursorError):
            raise
        except TemporaryError as error:
            await clock.sleep(max(pause, error.retry_after or 0))
    return await call()
