"""What the tests of the door and of the looking share: a clock that stands still, two mappings."""

from collections.abc import Mapping as MappingView

from consent_sync.domain.consent import Node
from consent_sync.domain.identity import Normalise
from consent_sync.domain.mapping import Line, Mapping
from consent_sync.domain.moments import SECOND, Micros

NOON = 1_795_089_600 * SECOND


class StandingClock:
    """A clock that only tests move."""

    def __init__(self, moment: Micros = NOON) -> None:
        self.moment = moment

    def now(self) -> Micros:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.moment += round(seconds * SECOND)


class FixedMappings:
    """Mappings in force that never change by themselves."""

    def __init__(self, *mappings: Mapping) -> None:
        self.mappings = {mapping.name: mapping for mapping in mappings}

    def current(self) -> MappingView[str, Mapping]:
        return self.mappings


def mapping(name: str, normalise: Normalise = Normalise.LOWER) -> Mapping:
    return Mapping(
        name=name,
        version=f"version-of-{name}",
        file=f"{name}.yaml",
        contact="privacy@example.com",
        organization_id="acme",
        regulations=("gdpr",),
        entity="acme",
        table="Customers",
        key_attribute="customerId",
        lines=(
            Line("Newsletter", Node(channel="email"), line_number=12),
            Line("DailyDeals", Node(purpose="marketing"), line_number=14),
        ),
        normalise=normalise,
    )


def didomi_event(ouid: str | None = "ada@example.com", number: int = 1) -> dict[str, object]:
    user = {} if ouid is None else {"organization_user_id": ouid}
    entity = {
        "id": f"event-{number}",
        "created_at": "2026-11-19T12:00:00.000Z",
        "user": user,
        "consents": {"channels": [{"id": "email", "enabled": True}]},
    }
    return {"type": "event.created", "parameters": {"entity": entity, **user}}
