"""Changes that go to the simulated Actito together."""

import asyncio
from collections.abc import Sequence

import pytest

from consent_sync.adapters.actito.bulk import BulkLimits
from consent_sync.adapters.actito.client import ActitoClient
from consent_sync.adapters.actito.imports import Shape, V5OneShot
from consent_sync.adapters.actito.settings import ActitoSettings
from consent_sync.adapters.actito.wire import Request
from consent_sync.domain.errors import (
    AbsentError,
    AlsoUnclearError,
    NotNowError,
    TemporaryError,
    UnclearError,
)
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import SECOND
from consent_sync.domain.profile import ProfileChange
from consent_sync.simulators.actito import ActitoSimulator
from consent_sync.simulators.faults import Fault
from tests.providers.actito import samples
from tests.providers.actito.bulk_kit import PEOPLE, change, held, together, write
from tests.providers.actito.conftest import MakeClient
from tests.providers.actito.samples import TestClock, mapping, switch


@pytest.fixture
def client(actito: ActitoSimulator, make_client: MakeClient) -> ActitoClient:
    return together(actito, make_client)


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
    more = change({"lastName": 'Doe; "Jane"', "age": 41}, Newsletter=False)
    await asyncio.gather(write(client, PEOPLE[:3], more), write(client, PEOPLE[3:]))

    assert [one.lines for one in actito.imports] == [3, 3]
    assert actito.world.profile(f"customerId={PEOPLE[0]}").attributes["age"] == 41
    assert actito.world.profile(f"customerId={PEOPLE[0]}").attributes["lastName"] == 'Doe; "Jane"'


async def test_attributes_alone_go_together_too(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """They ask for no look, and change no subscription."""
    told = await write(client, PEOPLE, change({"lastName": "Doe"}))

    assert told == [""] * 6
    assert actito.calls.counters["imports.start"] == 1
    assert actito.world.profile(f"customerId={PEOPLE[0]}").attributes["lastName"] == "Doe"
    assert held(actito) == [True] * 6


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


@pytest.mark.parametrize("text", ["", "x" * 256, "Doe\nC-5;TRUE", "Doe\rC-5;TRUE", "Doe\0"])
async def test_a_value_that_no_file_holds_is_written_alone(
    actito: ActitoSimulator, client: ActitoClient, text: str
) -> None:
    """An empty cell may mean anything, a text has at most 255 characters, and a line is a line."""
    await write(client, PEOPLE[:3], change({"lastName": text}, Newsletter=False))

    assert actito.calls.counters["imports.start"] == 0


async def test_a_key_that_no_file_holds_is_written_alone(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """What stands behind a line break would be somebody else's row."""
    told = await write(client, ["C-0\nC-1", "C-0\nC-2", "C-0\nC-3"])

    assert all(isinstance(one, AbsentError) for one in told)
    assert actito.calls.counters["imports.start"] == 0


async def test_no_value_can_end_a_part_of_the_call(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """What parts the file from its definition is another text each time."""
    first = V5OneShot(ActitoSettings(actito.url, actito.api_key)).start(
        mapping(), Shape(("Newsletter",), ()), [("C-0", change(Newsletter=False))]
    )
    again = V5OneShot(ActitoSettings(actito.url, actito.api_key)).start(
        mapping(), Shape(("Newsletter",), ()), [("C-0", change(Newsletter=False))]
    )

    assert first.content_type != again.content_type


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
    """The import may have landed, so everybody is looked at before anything is repeated.

    It was one call, so the platform has failed once.
    """
    actito.faults.add(Fault(route="imports.start", status=502))
    told = await write(client, PEOPLE)

    assert all(isinstance(one, UnclearError) for one in told)
    assert sum(not isinstance(one, AlsoUnclearError) for one in told) == 1


async def test_an_import_without_an_end_is_unclear(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """Nobody waits for ever, and the next ones are not sent the same way at once."""
    switch(actito, import_seconds=1e6)
    told = await write(client, PEOPLE)
    alone = await write(client, PEOPLE)

    assert all(isinstance(one, UnclearError) for one in told)
    assert "" not in alone
    assert actito.calls.counters["imports.start"] == 1


@pytest.mark.parametrize(
    "result",
    [
        "line;error\n",
        "line;error\n99;not found\n",
        "line;error\n0;not found\n",
        "line;error\n1;not found\n99;not found\n",
        "<html>Welcome</html>\nto the portal\n",
        "",
    ],
)
async def test_a_result_that_does_not_fit_tells_nothing_about_anybody(
    actito: ActitoSimulator, client: ActitoClient, clock: TestClock, result: str
) -> None:
    """Rows that are missing or nobody's: everybody is looked at, and soon."""
    before = clock.now()
    fault = Fault(route="imports.result", status=200, body=result, count=100)
    actito.faults.add(fault)
    told = await write(client, [*PEOPLE, "nobody"])

    assert all(isinstance(one, UnclearError) for one in told)
    assert clock.now() - before < 120 * SECOND


async def test_a_row_may_be_named_more_than_once(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """Each error of a row has a line of its own."""
    body = "line;error\n2;not found\n2;not valid\n"
    actito.faults.add(Fault(route="imports.result", status=200, body=body, count=100))
    told = await write(client, [*PEOPLE, "nobody"])

    assert [told[0], told[1], told[2]] == ["", "1004", ""]


async def test_an_import_that_failed_as_a_whole_is_looked_at_soon(
    actito: ActitoSimulator, client: ActitoClient, clock: TestClock
) -> None:
    """A part may have been applied, and no result tells which."""
    before = clock.now()
    actito.faults.add(Fault(route="imports.result", status=404, count=100))
    failed = '{"id": 90001, "executionStatus": "FAILED"}'
    actito.faults.add(Fault(route="imports.get", status=200, body=failed, count=100))
    told = await write(client, PEOPLE)

    assert all(isinstance(one, UnclearError) for one in told)
    assert clock.now() - before < 120 * SECOND


async def test_a_clock_that_is_set_back_keeps_nobody_waiting_for_hours(
    actito: ActitoSimulator, client: ActitoClient, clock: TestClock
) -> None:
    """How often an import is looked at is counted, too."""
    switch(actito, import_seconds=1e9)
    clock.back_after = 60
    told = await write(client, PEOPLE)

    assert all(isinstance(one, UnclearError) for one in told)
    assert actito.calls.counters["imports.get"] <= 180


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


async def test_a_stop_sends_nothing_more(actito: ActitoSimulator, client: ActitoClient) -> None:
    """Whoever waited for others comes again, and was not written."""
    writing = asyncio.create_task(write(client, PEOPLE))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    client.bulk.finish()
    told = await writing

    assert all(isinstance(one, NotNowError) for one in told)
    assert held(actito) == [True] * 6
    assert client.room_together() == 0


async def test_a_full_file_is_not_sent_in_a_stop(
    actito: ActitoSimulator, make_client: MakeClient
) -> None:
    """It had only to be sent."""
    client = make_client(bulk=BulkLimits(most_rows=2, least_rows=1))
    client.bulk.open = True
    writing = asyncio.create_task(write(client, PEOPLE[:2]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    client.bulk.finish()
    told = await writing

    assert all(isinstance(one, NotNowError) for one in told)
    assert actito.calls.counters["imports.start"] == 0


class Broken(V5OneShot):
    """A wire that cannot write anything down."""

    def start(
        self, mapping: Mapping, shape: Shape, rows: Sequence[tuple[str, ProfileChange]]
    ) -> Request:
        raise UnicodeError("cannot be encoded")


async def test_whatever_breaks_nobody_waits_for_ever(client: ActitoClient) -> None:
    """Even a mistake of ours ends for everybody in the import."""
    client.bulk._wire = Broken(ActitoSettings("http://127.0.0.1:9", ""))
    told = await write(client, PEOPLE)

    assert all(isinstance(one, UnclearError) for one in told)


async def test_a_pause_holds_what_was_gathered(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """Up to the moment when the file is made; everybody in it waits as anybody does."""
    writing = asyncio.create_task(write(client, PEOPLE))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    client.bulk.paused = lambda mapping: mapping == "brand-a"
    told = await writing

    assert all(isinstance(one, NotNowError) for one in told)
    assert held(actito) == [True] * 6


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
