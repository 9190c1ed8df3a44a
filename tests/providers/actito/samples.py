"""Mappings, changes and clocks for the Actito tests; all people are invented."""

import asyncio

from consent_sync.domain.consent import Node
from consent_sync.domain.mapping import Line, Mapping
from consent_sync.domain.moments import SECOND, Micros
from consent_sync.domain.profile import Collection, ProfileChange, Scalar
from consent_sync.simulators.actito import ActitoSimulator

NOON: Micros = 1_768_474_800 * SECOND
"""2026-01-15 11:00:00 UTC, which is noon in Brussels."""


class TestClock:
    """A clock that stands still except for those who wait for it.

    `back_after` so many sleeps it is set back by a day, once.
    """

    __test__ = False

    def __init__(self) -> None:
        self.moment = NOON
        self.slept: list[float] = []
        self.back_after = 0

    def now(self) -> Micros:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.moment += round(seconds * SECOND)
        if len(self.slept) == self.back_after:
            self.moment -= 86_400 * SECOND
        await asyncio.sleep(0)


def mapping(
    entity: str = "acme",
    table: str = "Customers",
    key_attribute: str = "customerId",
    lines: tuple[str, ...] = ("Newsletter", "DailyDeals"),
) -> Mapping:
    return Mapping(
        name="brand-a",
        version="1",
        file="brand-a.yaml",
        contact="privacy@example.com",
        organization_id="acme",
        regulations=("gdpr",),
        entity=entity,
        table=table,
        key_attribute=key_attribute,
        lines=tuple(Line(name, Node(channel="email")) for name in lines),
    )


def change(attributes: dict[str, Scalar] | None = None, **subscriptions: bool) -> ProfileChange:
    return ProfileChange(subscriptions, attributes or {}, Collection("Didomi", "consent", NOON))


def switch(actito: ActitoSimulator, **values: object) -> None:
    """Set switches of the simulated Actito; it checks the words itself."""
    for name, value in values.items():
        setattr(actito.switches, name, value)
