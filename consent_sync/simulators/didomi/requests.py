"""Reads what a call asks: query parameters with the platform's operators, and JSON bodies; raises RefusalError."""

from collections.abc import Iterator
from typing import TypeVar

import orjson
from aiohttp import web
from pydantic import BaseModel, JsonValue, ValidationError

from consent_sync.simulators.didomi.errors import RefusalError, from_validation

Body = TypeVar("Body", bound=BaseModel)


def answer(content: object, status: int = 200) -> web.Response:
    """Return a JSON answer."""
    return web.Response(
        status=status, body=orjson.dumps(content), content_type="application/json", charset="utf-8"
    )


def flag(request: web.Request, name: str) -> bool:
    """Tell whether a parameter such as `$disable_integrations` is on."""
    return request.query.get(name, "false").lower() not in {"false", "0"}


def many(request: web.Request, name: str, default: str) -> list[str]:
    """Return the values of `name=a` or `name[$in]=a&name[$in]=b`."""
    keys = (name, f"{name}[$in]", f"{name}[$in][]")
    found = [value for key in keys for value in request.query.getall(key, [])]
    return found or [default]


def number(request: web.Request, name: str, default: int) -> int:
    """Return a whole number of at least 0; raises RefusalError (400)."""
    text = request.query.get(name, str(default))
    if not text.isdecimal():
        raise RefusalError(400, "Invalid query", {name: f"expected a number, found {text!r}"})
    return int(text)


def check_organisation(request: web.Request, organisation_id: str, *, needed: bool = True) -> None:
    """Require the query's `organization_id` to be the simulated one; raises RefusalError (400, 403)."""
    given = request.query.get("organization_id")
    if given is None and needed:
        raise RefusalError(
            400, "Missing organization_id", {"organization_id": "required in the query"}
        )
    if given not in (None, organisation_id):
        raise RefusalError(403, "You do not have access to this organization")


async def json_body(request: web.Request) -> JsonValue:
    """Return the decoded body; raises RefusalError (400)."""
    try:
        content: JsonValue = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise RefusalError(400, "Invalid JSON", {"body": str(error)}) from error
    return content


def parse(model: type[Body], content: JsonValue) -> Body:
    """Return the content as a body of this kind; raises RefusalError (400)."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise from_validation(error) from error


def page(request: web.Request, items: list[JsonValue]) -> web.Response:
    """Answer with one page of a generic list: `$limit` of at most 100, and `$skip`."""
    limit = min(number(request, "$limit", 100), 100)
    skip = number(request, "$skip", 0)
    shown = items[skip : skip + limit]
    return answer({"total": len(items), "limit": limit, "skip": skip, "data": shown})


def property_filters(request: web.Request) -> dict[str, list[str]]:
    """Return the filters on event properties, by dotted path."""
    known = {"organization_id", "user_id", "organization_user_id"}
    keys = [key for key in dict.fromkeys(request.query) if key not in known and key[0] != "$"]
    found: dict[str, list[str]] = {}
    for key in keys:
        path = key.removesuffix("[]").removesuffix("[$in]")
        found.setdefault(path, []).extend(request.query.getall(key))
    return found


def matches(shown: JsonValue, path: str, wanted: list[str]) -> bool:
    """Tell whether the value at a dotted path is one of the wanted ones, compared as text."""
    return any(_text(value) in wanted for value in _at(shown, path.split(".")))


def _at(value: JsonValue, path: list[str]) -> Iterator[JsonValue]:
    if not path:
        yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from _at(value[path[0]], path[1:])


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
