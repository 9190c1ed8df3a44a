"""One-shot imports of the simulated Actito, over HTTP."""

import json
from typing import Any

import pytest
from yarl import URL

from tests.simulators.actito_support import JANE, Client, Clock, Reply, client

EXECUTIONS = "/mass-imports/v5/entities/acme/etl-executions"
DEFINITION = {
    "table": "Customers",
    "mode": "UPDATE",
    "encoding": "UTF-8",
    "format": {"separator": ";", "endOfLine": "\n"},
    "attributesMapping": [
        {"headerColumn": "id", "attributeName": "customerId"},
        {"headerColumn": "news", "attributeName": "subscriptions#Newsletter"},
    ],
}
FILE = b"id;news\nA-77;FALSE\n"


def form(file: bytes, definition: object = DEFINITION) -> bytes:
    parts = {"parameters": json.dumps(definition).encode(), "inputFile": file}
    whole = b""
    for name, content in parts.items():
        head = f'--part\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
        whole += head.encode() + content + b"\r\n"
    return whole + b"--part--\r\n"


async def send(
    caller: Client, body: bytes, kind: str = "multipart/form-data; boundary=part"
) -> Reply:
    caller.token = caller.token or await caller.new_token()
    headers = {"Authorization": f"Bearer {caller.token}", "Content-Type": kind}
    url = URL(caller.simulator.url + EXECUTIONS, encoded=True)
    async with caller.session.post(url, headers=headers, data=body) as response:
        return Reply(response.status, response.headers, await response.text())


async def test_an_import_changes_profiles_and_tells_of_it() -> None:
    """It is accepted, shows as running until its time is over, and fires webhooks as calls do."""
    clock = Clock()
    async with client({"import_seconds": 60}, clock=clock) as caller:
        caller.simulator.world.seed(JANE, {"Newsletter": True})
        caller.simulator.register_webhook("https://sync.example.com/hook", "UPDATED_SUBSCRIPTION")
        started = await send(caller, form(FILE))
        path = f"{EXECUTIONS}/{started.body['id']}"
        early = await caller.call("GET", path)
        too_early = await caller.call("GET", f"{path}/result-file")
        clock.seconds += 60
        late = await caller.call("GET", path)

        assert started.status == 201
        assert early.body["executionStatus"] == "RUNNING"
        assert too_early.status == 404
        assert (late.body["executionStatus"], late.body["rowsInError"]) == ("SUCCESS", 0)
        assert caller.simulator.world.subscriptions("customerId=A-77") == {"Newsletter": False}
        assert caller.simulator.sender.tally.events == 1


async def test_lines_that_do_not_fit_are_told_and_the_others_taken_over() -> None:
    """Who is unknown is not created, and a word that is neither yes nor no changes nothing."""
    async with client() as caller:
        caller.simulator.world.seed(JANE, {"Newsletter": True})
        started = await send(caller, form(FILE + b"Z-1;N\nA-77;maybe\n"))
        path = f"{EXECUTIONS}/{started.body['id']}"
        shown = await caller.call("GET", path)
        result = await caller.call("GET", f"{path}/result-file")

        assert (shown.body["executionStatus"], shown.body["rowsInError"]) == ("WITH_ERROR", 2)
        assert [line.partition(";")[0] for line in result.text.splitlines()] == ["line", "2", "3"]
        assert caller.simulator.world.subscriptions("customerId=A-77") == {"Newsletter": False}


@pytest.mark.parametrize(
    ("file", "more"),
    [
        (b"\xef\xbb\xbf" + FILE, {}),
        (b"\xff\xfe", {}),
        (b"id;other\nA-77;N\n", {}),
        (b"id;news\nA-77\n", {}),
        (b"", {}),
        (FILE, {"mode": "CREATE"}),
        (FILE, {"format": {}}),
    ],
)
async def test_unfit_files_are_refused_whole(file: bytes, more: dict[str, Any]) -> None:
    """A byte order mark, other bytes than UTF-8, strange heads, uneven lines, a strange definition."""
    async with client() as caller:
        told = await send(caller, form(file, {**DEFINITION, **more}))

        assert told.status == 400


async def test_a_file_needs_its_envelope() -> None:
    """JSON alone is no import."""
    async with client() as caller:
        told = await send(caller, b"{}", "application/json")

        assert told.status == 400


async def test_a_table_takes_so_many_imports_a_day() -> None:
    """One more gets 429, and the next day there is room again."""
    clock = Clock()
    async with client({"imports_per_day": 2}, clock=clock) as caller:
        seen = [(await send(caller, form(FILE))).status for _ in range(3)]
        clock.seconds += 86_400
        caller.token = ""
        seen.append((await send(caller, form(FILE))).status)

        assert seen == [201, 201, 429, 201]


async def test_an_import_of_another_entity_is_not_found() -> None:
    """So is one that never was."""
    async with client() as caller:
        assert (await caller.call("GET", f"{EXECUTIONS}/1")).status == 404
        assert (await caller.call("GET", f"{EXECUTIONS}/x")).status == 404
