"""Actito as a world in memory: profiles by key, and no call that fails."""

from collections.abc import Iterator
from collections.abc import Mapping as MappingView
from dataclasses import dataclass, field
from typing import Final

from consent_sync.domain.errors import AbsentError, PermanentError
from consent_sync.domain.events import ProfileMissing, ProfileReading
from consent_sync.domain.identity import Names
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.profile import ProfileChange, Scalar, TableAttribute, TableStructure
from consent_sync.ports.clock import Clock

FIRST_ID: Final = 1001
"""The number of the first profile that is made without one."""


@dataclass(slots=True)
class Profile:
    """One profile; a subscription that is not listed was never set."""

    profile_id: str
    subscriptions: dict[str, bool] = field(default_factory=dict)
    attributes: dict[str, Scalar] = field(default_factory=dict)


class AnyAttribute(MappingView[str, TableAttribute]):
    """Every attribute there could be, as text: a trial does not know the table."""

    def __getitem__(self, name: str) -> TableAttribute:
        return TableAttribute(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class ProfileWorld:
    """Keeps the promises of `ProfilePlatform` over profiles in memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.profiles: dict[str, Profile] = {}

    def profile(self, key: str, profile_id: str = "") -> Profile:
        """Return the profile of this key, made where there is none."""
        if key not in self.profiles:
            self.profiles[key] = Profile(profile_id or str(FIRST_ID + len(self.profiles)))
        return self.profiles[key]

    async def read_by_key(self, mapping: Mapping, key: str) -> ProfileReading | ProfileMissing:
        """Read one profile by its key."""
        now, profile = self._clock.now(), self.profiles.get(key)
        if profile is None:
            return ProfileMissing(now)
        names = Names(actito_key=key, profile_id=profile.profile_id)
        return ProfileReading(now, now, names, dict(profile.subscriptions))

    async def read_by_id(
        self, mapping: Mapping, profile_id: str
    ) -> ProfileReading | ProfileMissing:
        """Read one profile by its number."""
        for key, profile in self.profiles.items():
            if profile.profile_id == profile_id:
                return await self.read_by_key(mapping, key)
        return ProfileMissing(self._clock.now())

    async def update(
        self, mapping: Mapping, key: str, change: ProfileChange, *, after_look: bool
    ) -> str:
        """Change an existing profile; raise AbsentError when there is none."""
        profile = self.profiles.get(key)
        if profile is None:
            raise AbsentError("there is no such profile")
        profile.subscriptions.update(change.subscriptions)
        profile.attributes.update(change.attributes)
        return profile.profile_id

    async def create(self, mapping: Mapping, key: str, change: ProfileChange) -> str:
        """Create a profile; raise PermanentError when it exists."""
        if key in self.profiles:
            raise PermanentError("the profile exists", status=409)
        self.profile(key)
        return await self.update(mapping, key, change, after_look=False)

    async def delete(self, mapping: Mapping, key: str) -> None:
        """Delete a profile."""
        self.profiles.pop(key, None)

    async def structure(self, mapping: Mapping) -> TableStructure:
        """Return a table that has every attribute."""
        return TableStructure(mapping.table, mapping.table, AnyAttribute())
