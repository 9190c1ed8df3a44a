"""Changes that go to the simulated Actito together."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from consent_sync.adapters.actito.bulk import BulkLimits
from consent_sync.adapters.actito.client import ActitoClient
from consent_sync.domain.errors import AbsentError, NotNowError, TemporaryError, UnclearError
from consent_sync.domain.profile import ProfileChange, Scalar
from consent_sync.simulators.actito import ActitoSimulator
from consent_sync.simulators.faults import Fault
from tests.providers.actito import samples
from tests.providers.actito.conftest import MakeClient
from tests.providers.actito.samples import TestClock, mapping, switch

PEOPLE = [f"C-{number}" for number in range(6)]


def change(attributes: dict[str, Scalar] | None = None, **subscriptions: bool) -> ProfileChange:
    """Return a change of a profile whose number is known."""
    return replace(samples.change(attributes, **subscriptions), profile_id="1003")


@pytest.fixture
def client(actito: ActitoSimulator, make_client: MakeClient) -> ActitoClient:
    """A client that writes together from three people on."""
    for key in PEOPLE:
        actito.world.seed({"customerId": key}, {"Newsletter": True})
    limits = BulkLimits(most_rows=100, least_rows=3, imports_per_day=2)
    made = make_client(bulk=limits)
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


async def test_many_changes_are_one_call(actito: ActitoSimulator, client: ActitoClient) -> None:
    """They are imported together, and each is told that it was written."""
    switch(actito, import_seconds=12)
    told = await write(client, PEOPLE)

    assert told == [""] * 6
    assert held(actito) == [False] * 6
    assert actito.calls.counters["imports.start"] == 1
    assert actito.calls.counters["profiles.put"] == 0


async def test_attributes_go_along_in_columns_of_their_own(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """Changes with other columns make another file, so that no cell is ever empty."""
    more = change({"lastName": 'Doe; "Jane"\nJr', "age": 41}, Newsletter=False)
    await asyncio.gather(write(client, PEOPLE[:3], more), write(client, PEOPLE[3:]))

    assert [one.lines for one in actito.imports] == [3, 3]
    assert actito.world.profile(f"customerId={PEOPLE[0]}").attributes["age"] == 41
    assert actito.world.profile(f"customerId={PEOPLE[0]}").attributes["lastName"] == (
        'Doe; "Jane"\nJr'
    )


@pytest.mark.parametrize(
    "what", [change(Newsletter=True), change(Newsletter=False, DailyDeals=True)]
)
async def test_an_agreement_never_goes_together(
    actito: ActitoSimulator, client: ActitoClient, what: ProfileChange
) -> None:
    """It has looked first, and nothing may come in between."""
    await write(client, PEOPLE, what)

    assert actito.calls.counters["imports.start"] == 0
    assert actito.calls.counters["profiles.put"] == 6


async def test_a_change_that_has_looked_never_waits_for_others(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """Whoever looked writes at once."""
    await client.update(mapping(), PEOPLE[0], change(Newsletter=False), after_look=True)

    assert actito.calls.counters["profiles.put"] == 1


@pytest.mark.parametrize("text", ["", "x" * 256])
async def test_a_value_that_no_file_holds_is_written_alone(
    actito: ActitoSimulator, client: ActitoClient, text: str
) -> None:
    """An empty cell may mean anything, and a text has at most 255 characters."""
    await write(client, PEOPLE[:3], change({"lastName": text}, Newsletter=False))

    assert actito.calls.counters["imports.start"] == 0


async def test_a_profile_without_a_number_is_written_alone(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """The answer tells its number, without which the webhook that comes back costs a call."""
    await write(client, PEOPLE, samples.change(Newsletter=False))

    assert actito.calls.counters["profiles.put"] == 6


async def test_few_changes_are_written_one_by_one(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """An import is one of few a day."""
    told = await write(client, PEOPLE[:2])

    assert told == ["1003", "1004"]
    assert actito.calls.counters["imports.start"] == 0


async def test_while_it_is_closed_nothing_waits(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """Without a long backlog each is written by itself."""
    client.bulk.open = False
    await write(client, PEOPLE)

    assert actito.calls.counters["profiles.put"] == 6


async def test_a_row_that_is_not_taken_over_is_judged_by_itself(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """The others are not held up by it, and it ends as any single write would."""
    told = await write(client, [*PEOPLE[:3], "nobody"])

    assert told[:3] == [""] * 3
    assert isinstance(told[3], AbsentError)


async def test_a_full_file_takes_no_more(actito: ActitoSimulator, make_client: MakeClient) -> None:
    """What comes while it is under way is written by itself."""
    for key in PEOPLE:
        actito.world.seed({"customerId": key}, {"Newsletter": True})
    client = make_client(bulk=BulkLimits(most_rows=3, least_rows=1, imports_per_day=5))
    client.bulk.open = True
    await write(client, PEOPLE)

    assert [one.lines for one in actito.imports] == [3]
    assert actito.calls.counters["profiles.put"] == 3


async def test_no_more_imports_than_a_table_takes_a_day(
    actito: ActitoSimulator, client: ActitoClient, clock: TestClock
) -> None:
    """The rest is written one by one, and the next day there is room again."""
    for _ in range(3):
        await write(client, PEOPLE)
    alone = actito.calls.counters["profiles.put"]
    await clock.sleep(86_400)
    await write(client, PEOPLE)

    assert alone == 6
    assert actito.calls.counters["imports.start"] == 3


async def test_a_refused_file_closes_this_way_for_a_while(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """Each of its people is tried again, and then alone."""
    actito.faults.add(Fault(route="imports.start", status=400))
    told = await write(client, PEOPLE)
    again = await write(client, PEOPLE)

    assert all(isinstance(one, NotNowError) for one in told)
    assert all(isinstance(one, str) for one in again)
    assert actito.calls.counters["profiles.put"] == 6


async def test_an_answer_that_never_came_is_unclear_for_each(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """The import may have landed, so everybody is looked at before anything is repeated."""
    actito.faults.add(Fault(route="imports.start", status=502))
    told = await write(client, PEOPLE)

    assert all(isinstance(one, UnclearError) for one in told)


async def test_an_import_without_an_end_is_unclear(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """Nobody waits for ever."""
    switch(actito, import_seconds=1e6)
    told = await write(client, PEOPLE)

    assert all(isinstance(one, UnclearError) for one in told)


async def test_trouble_while_looking_is_sat_out(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """The import goes on meanwhile, and its end is seen later."""
    actito.faults.add(Fault(route="imports.get", status=503, count=3))
    told = await write(client, [*PEOPLE, "nobody"])

    assert told[:6] == [""] * 6


async def test_whoever_was_cut_off_is_left_out(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """A turn that waits no more is not written on behalf of."""
    gone = asyncio.create_task(
        client.update(mapping(), PEOPLE[0], change(Newsletter=False), after_look=False)
    )
    others = asyncio.create_task(write(client, PEOPLE[1:]))
    await asyncio.sleep(0)
    gone.cancel()
    await others

    assert held(actito) == [True] + [False] * 5


async def test_a_turn_without_its_lease_is_left_out(
    actito: ActitoSimulator, make_client: MakeClient
) -> None:
    """Another replica may have the person by now."""
    for key in PEOPLE:
        actito.world.seed({"customerId": key}, {"Newsletter": True})
    asked = 0

    def may_write(_seconds: float) -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise TemporaryError("not sent: the lease of this turn has ended")

    client = make_client(bulk=BulkLimits(least_rows=1), before_write=may_write)
    client.bulk.open = True
    told = await write(client, PEOPLE)

    assert isinstance(told[0], TemporaryError)
    assert held(actito) == [True] + [False] * 5


async def test_stopping_ends_what_is_under_way(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """The turns that wait are cut off by whoever stops them."""
    writing = asyncio.create_task(write(client, PEOPLE))
    await asyncio.sleep(0)
    await client.bulk.stop()
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)

    assert held(actito) == [True] * 6
    assert client.room_together() == 100
