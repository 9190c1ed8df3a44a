"""Sharing what a platform allows among all replicas: calls a minute, and calls at once."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Ask:
    """What a replica asks for: so many calls, having made `beyond` that nobody had allowed yet.

    `per_minute` and `at_once` are what the account allows, all replicas together.
    """

    account: bytes
    calls: int
    beyond: int
    per_minute: int
    at_once: int


@dataclass(frozen=True, slots=True)
class Permits:
    """What it may do: start so many calls, `at_once` of them at the same time."""

    calls: int
    at_once: int


class Quota(Protocol):
    """Where replicas draw permits for their calls."""

    async def draw(self, ask: Ask) -> Permits:
        """Return what this replica may do now, a fair share of what is left; raise StoreError.

        Whoever has not asked for ten seconds is not counted among those who share.
        """
        ...
