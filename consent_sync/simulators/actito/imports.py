"""One-shot imports of profiles: a CSV file and its definition in one call, and what became of it.

Rules from the pages "Migrating V4 Imports to ETL Executions", "Input files - format and data
validation" and "Limitations". Names of the parts and the answers of an execution are not documented
for V5; here they follow V4.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import NamedTuple

import orjson
from pydantic import JsonValue

from consent_sync.simulators.actito.profiles import Write
from consent_sync.simulators.actito.refusal import RefusalError
from consent_sync.simulators.actito.switches import Switches
from consent_sync.simulators.actito.table import Key, Table
from consent_sync.simulators.actito.world import World

_LIMIT = 100 * 1024**2
_PREFIX = "subscriptions#"
_YES = {"true", "1", "y", "yes"}
_NO = {"false", "0", "n", "no"}


class RowError(NamedTuple):
    """A line of the file that was not taken over; the first line after the heads is 1."""

    line: int
    reason: str


@dataclass(slots=True)
class Execution:
    """One import and its end; `ends_at` is in seconds since 1970."""

    id: int
    entity: str
    table: str
    lines: int
    ends_at: float
    errors: list[RowError] = field(default_factory=list)


class _Definition(NamedTuple):
    table: str
    separator: str
    columns: dict[str, str]


class Imports:
    """Takes imports in, at most so many a day and table; what is taken in is applied at once.

    It shows as running until its time is over, as a real one would.
    """

    def __init__(self, world: World, switches: Switches) -> None:
        self._world = world
        self._switches = switches
        self._executions: dict[int, Execution] = {}
        self._today: Counter[tuple[str, str, int]] = Counter()

    def __iter__(self) -> Iterator[Execution]:
        return iter(self._executions.values())

    def clear(self) -> None:
        """Forget every import."""
        self._executions.clear()
        self._today.clear()

    def start(self, entity: str, content_type: str, body: bytes) -> Execution:
        """Take an import in; raises RefusalError 400 for an unfit file, 429 above the daily limit."""
        parts = _parts(content_type, body)
        definition = _definition(parts)
        table = self._world.table(entity, definition.table)
        heads, rows = _rows(parts.get("inputFile", b""), definition)
        self._count(entity, table)
        number = 90_000 + len(self._executions) + 1
        ends_at = self._world.now() + self._switches.import_seconds
        done = Execution(number, entity, table.name, len(rows), ends_at)
        self._executions[number] = done
        for line, row in enumerate(rows, 1):
            try:
                self._apply(table, dict(zip(heads, row, strict=True)))
            except RefusalError as refusal:
                done.errors.append(RowError(line, refusal.reason))
        return done

    def get(self, entity: str, number: str) -> Execution:
        """Return an import; raises RefusalError 404."""
        found = self._executions.get(int(number)) if number.isdigit() else None
        if found is None or found.entity != entity:
            raise RefusalError(404, "no such execution")
        return found

    def show(self, one: Execution) -> dict[str, JsonValue]:
        """Show how an import stands."""
        if self._world.now() < one.ends_at:
            return {"id": one.id, "executionStatus": "RUNNING"}
        return {
            "id": one.id,
            "executionStatus": "WITH_ERROR" if one.errors else "SUCCESS",
            "withErrors": bool(one.errors),
            "rowsInError": len(one.errors),
        }

    def result(self, one: Execution) -> bytes:
        """Return the file of the lines that were not taken over; raises RefusalError 404 before the end."""
        if self._world.now() < one.ends_at:
            raise RefusalError(404, "the execution has not ended")
        lines = ["line;error", *(f"{each.line};{each.reason}" for each in one.errors)]
        return ("\n".join(lines) + "\n").encode()

    def _count(self, entity: str, table: Table) -> None:
        day = entity, table.name, int(self._world.now() // 86_400)
        if self._switches.imports_per_day and self._today[day] >= self._switches.imports_per_day:
            raise RefusalError(429, "no more imports into this table today")
        self._today[day] += 1

    def _apply(self, table: Table, values: dict[str, str]) -> None:
        """Update one profile, found by the first unique attribute of the file."""
        unique = next((name for name in values if name in table.attributes), None)
        if unique is None or not table.attributes[unique].unique:
            raise RefusalError(400, "the first attribute is not unique")
        profile = table.get(Key(unique, values[unique]))
        attributes: dict[str, JsonValue] = {}
        subscriptions: dict[str, bool] = {}
        for name, text in values.items():
            if name.startswith(_PREFIX):
                subscription = name.removeprefix(_PREFIX)
                table.check_subscription(subscription, 400)
                subscriptions[subscription] = _truth(text)
            elif name != unique:
                attributes[name] = text
        self._world.update(table, profile, Write(attributes, subscriptions))


def _parts(content_type: str, body: bytes) -> dict[str, bytes]:
    """Read the parts of a multipart body by name; raises RefusalError 400."""
    if not content_type.startswith("multipart/form-data"):
        raise RefusalError(400, "expected multipart/form-data")
    if len(body) > _LIMIT:
        raise RefusalError(400, "the file is larger than 100 MB")
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = message_from_bytes(head + body, policy=policy.HTTP)
    found = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            found[name] = content
    return found


def _definition(parts: dict[str, bytes]) -> _Definition:
    try:
        value = orjson.loads(parts["parameters"])
        if value["mode"] != "UPDATE" or value["encoding"] != "UTF-8":
            raise RefusalError(400, "parameters: expected the mode UPDATE and UTF-8")
        mapped = value["attributesMapping"]
        columns = {one["headerColumn"]: one["attributeName"] for one in mapped}
        return _Definition(value["table"], value["format"]["separator"], columns)
    except (KeyError, TypeError, orjson.JSONDecodeError):
        raise RefusalError(400, "parameters: not a definition") from None


def _rows(content: bytes, definition: _Definition) -> tuple[list[str], list[list[str]]]:
    """Return what the columns mean, and the lines; raises RefusalError 400."""
    if content.startswith(b"\xef\xbb\xbf"):
        raise RefusalError(400, "the file begins with a byte order mark")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise RefusalError(400, "the file is not UTF-8") from None
    lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=definition.separator))
    if not lines or any(head not in definition.columns for head in lines[0]):
        raise RefusalError(400, "the heads are not those of the definition")
    if any(len(line) != len(lines[0]) for line in lines):
        raise RefusalError(400, "the lines have different numbers of columns")
    return [definition.columns[head] for head in lines[0]], lines[1:]


def _truth(text: str) -> bool:
    word = text.strip().lower()
    if word not in _YES | _NO:
        raise RefusalError(400, "a subscription is neither yes nor no")
    return word in _YES
