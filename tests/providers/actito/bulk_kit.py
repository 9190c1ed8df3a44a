"""What the tests of imports are made of: people, changes, and a client that writes together."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from consent_sync.adapters.actito.bulk import BulkLimits
from consent_sync.adapters.actito.client import ActitoClient
from consent_sync.domain.profile import ProfileChange, Scalar
from consent_sync.simulators.actito import ActitoSimulator
from tests.providers.actito import samples
from tests.providers.actito.conftest import MakeClient
from tests.providers.actito.samples import mapping

PEOPLE = [f"C-{number}" for number in range(6)]


def change(attributes: dict[str, Scalar] | None = None, **subscriptions: bool) -> ProfileChange:
    """Return a change of a profile whose number is known."""
    return replace(samples.change(attributes, **subscriptions), profile_id="1003")


def together(actito: ActitoSimulator, make_client: MakeClient) -> ActitoClient:
    """Return a client that writes together from three people on, two times a day."""
    for key in PEOPLE:
        actito.world.seed({"customerId": key}, {"Newsletter": True})
    return one_more(make_client)


def one_more(make_client: MakeClient) -> ActitoClient:
    """Return another one, as a restart or another replica has."""
    made = make_client(bulk=BulkLimits(most_rows=100, least_rows=3, imports_per_day=2))
    made.bulk.open = True
    return made


async def write(
    client: ActitoClient, people: Sequence[str], what: ProfileChange | None = None
) -> list[object]:
    """Write all at the same time; return what each got."""
    what = what or change(Newsletter=False)
    updates = (client.update(mapping(), key, what, after_look=False) for key in people)
    return await asyncio.gather(*updates, return_exceptions=True)


def held(actito: ActitoSimulator) -> list[bool]:
    return [actito.world.subscriptions(f"customerId={key}")["Newsletter"] for key in PEOPLE]
