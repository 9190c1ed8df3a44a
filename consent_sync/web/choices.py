"""The API by which a command hands over rows of a loaded file, while a server owns the database."""

from dataclasses import dataclass
from typing import Final

import orjson
from aiohttp import web

from consent_sync.domain.errors import AbsentError
from consent_sync.services.intake import Intake
from consent_sync.web.api import json_answer
from consent_sync.web.auth import ApiGate, Role
from consent_sync.web.bodies import Arrived, read_body, require_json
from consent_sync.web.problems import Problem

CHOICES: Final = "/api/v1/choices/{mapping}"

MAX_ROWS: Final = 1_000
"""How many rows one request may bring."""

_MAX_BODY: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ChoicesApi:
    """The handler of the route for rows of a file."""

    gate: ApiGate
    intake: Intake

    async def load(self, request: web.Request) -> web.Response:
        """Take rows in and answer how many were new, durable by then.

        Raises Problem 400, 401, 403, 404, 413 or 415, RefusedError or StoreError.
        """
        self.gate.require(request, Role.ADMIN)
        # A page of another site can post to this machine, but not with this content type.
        require_json(request)
        bodies = _rows(await read_body(request, _MAX_BODY, Arrived()))
        try:
            receipt = await self.intake.accept_rows(request.match_info["mapping"], bodies)
        except AbsentError:
            raise Problem("unknown-mapping", "No mapping in force has this name.") from None
        return json_answer(receipt._asdict())


def _rows(body: bytes) -> list[bytes]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, list) or len(said) > MAX_ROWS:
        raise Problem("bad-request", f"Expected an array of at most {MAX_ROWS} rows.")
    return [orjson.dumps(row) for row in said]
