"""A database that real services filled, between two worlds in memory: people, choices, mappings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from consent_sync.adapters.actito.webhook import ActitoReceiver
from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.adapters.mapping_files import read_mapping
from consent_sync.adapters.storage.past import SqlitePast
from consent_sync.adapters.storage.sqlite import SqliteStore
from consent_sync.adapters.worlds.clock import EvenChance, HandClock
from consent_sync.adapters.worlds.consents import ConsentWorld
from consent_sync.adapters.worlds.profiles import ProfileWorld
from consent_sync.app.stage import Unobserved
from consent_sync.app.whatif import Effect, Pair, Row, WhatIf
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import HOUR, SECOND, Micros
from consent_sync.domain.retry import RetryPolicy
from consent_sync.domain.rules import Rules
from consent_sync.services.intake import Intake
from consent_sync.services.lookup import iso
from consent_sync.services.profiles import ProfileIndex
from consent_sync.services.synchronise import Synchroniser
from tests.services.people import FixedMappings

BEGIN: Micros = 1_790_000_000 * SECOND

HEAD = """\
name: brand-a
contact: privacy@example.com
didomi: {organization_id: acme, regulations: [gdpr]}
actito: {entity_id: acme, table_name: Customers, user_unique_key: customerId}
mappings:
"""
LINES = """\
  - id: Newsletter
    value: {channel: email}
  - id: DailyDeals
    value: {purpose: marketing}
    sync: two-way-strict
"""


def mapping(lines: str = LINES, head: str = HEAD) -> Mapping:
    found = read_mapping("brand-a.yaml", (head + lines).encode())
    assert found.mapping is not None, found.problems
    return found.mapping


@dataclass
class Village:
    """The service as it worked under one mapping or more; `what_if` asks what others would do."""

    path: Path
    in_force: tuple[Mapping, ...] = field(default_factory=lambda: (mapping(),))
    account: str = ""

    def __post_init__(self) -> None:
        self.clock = HandClock(BEGIN)
        self.profiles = ProfileWorld(self.clock)
        self.consents = ConsentWorld(self.clock)
        self.store = SqliteStore(self.path, self.clock)
        didomi, actito, index = DidomiReceiver(), ActitoReceiver(), ProfileIndex()
        mappings = FixedMappings(*self.in_force)
        self.intake = Intake(self.store, mappings, didomi, actito, self.clock, index)
        self._synchroniser = Synchroniser(
            mappings=mappings,
            profiles=self.profiles,
            consents=self.consents,
            store=self.store,
            didomi=didomi,
            actito=actito,
            clock=self.clock,
            chance=EvenChance(),
            rules=Rules(),
            retry=RetryPolicy(),
            index=index,
            observer=Unobserved(),
        )
        self._number = 0

    async def chooses(self, person: str, regulation: str = "gdpr", **choices: bool) -> None:
        """Let a person choose in Didomi: channels by their name, purposes as `p_name`."""
        self._pass()
        consents: dict[str, Any] = {
            "channels": [
                {"id": name, "enabled": value}
                for name, value in choices.items()
                if not name.startswith("p_")
            ],
            "purposes": [
                {"id": name.removeprefix("p_"), "enabled": value}
                for name, value in choices.items()
                if name.startswith("p_")
            ],
        }
        user = {"organization_user_id": person}
        entity = {
            "id": f"event-{self._number}",
            "created_at": iso(self.clock.now()),
            "status": "confirmed",
            "regulation": regulation,
            "user": user,
            "consents": consents,
        }
        body = orjson.dumps({"type": "event.created", "parameters": {"entity": entity, **user}})
        item = DidomiReceiver().understand(body)
        event = getattr(item, "event", None)
        assert event is not None
        self.consents.user(person, regulation).take(event.tree, event.created_at)
        await self.intake.accept_didomi(body)
        await self.run()

    async def changes(self, person: str, *, whole: bool = True, **subscriptions: bool) -> None:
        """Let a person change subscriptions in Actito; `whole` webhooks name the key, too."""
        self._pass()
        profile = self.profiles.profile(person)
        profile.subscriptions.update(subscriptions)
        data = {"profileId": profile.profile_id, **subscriptions}
        if whole:
            data["customerId"] = person
        body = orjson.dumps({"tableId": "21", "data": data})
        await self.intake.accept_actito(self.in_force[0].name, body)
        await self.run()

    async def run(self) -> None:
        """Take all turns that are due."""
        while turns := await self.store.claim(50):
            for turn in turns:
                await self._synchroniser.take(turn)

    def _pass(self) -> None:
        self._number += 1
        self.clock.move_to(self.clock.now() + 60 * SECOND)

    async def what_if(
        self, *edited: Mapping, since: Micros = BEGIN, accounts: dict[str, str] | None = None
    ) -> list[Row]:
        """Return what these mappings would do instead."""
        await self.store.check()
        old = {one.name: one for one in self.in_force}
        past = SqlitePast(self.path)
        pairs = [Pair(old.get(one.name), one) for one in edited]
        whose = (accounts or {}).get
        try:
            found = WhatIf(
                past,
                pairs,
                Rules(),
                self.clock.now() + HOUR,
                lambda one: whose(one.name) or "",
                self.in_force,
            )
            return [row async for row in found.rows(since)]
        finally:
            await past.close()


def effects(rows: Sequence[Row], line: str) -> dict[str, Effect]:
    """Return what becomes of each person on a line."""
    return {row.person: row.effect for row in rows if row.line == line}
