"""One-shot imports on the wire ("Migrating V4 Imports to ETL Executions", "Input files").

Only that there is such a call, its address and the rules of the file are documented. The names of
its parts and the answers follow V4, where they were seen; whoever knows better replaces
`V5OneShot`, and nothing else.
"""

import csv
import io
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import orjson
from yarl import URL

from consent_sync.adapters.actito.settings import ActitoSettings
from consent_sync.adapters.actito.values import profile_number
from consent_sync.adapters.actito.wire import Request, address, segment
from consent_sync.adapters.http import Answer, json_object
from consent_sync.domain.errors import TemporaryError, UnclearError
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.profile import ProfileChange, Scalar

MAX_TEXT: Final = 255
_SEPARATOR: Final = ";"
_ENDED: Final = {"SUCCESS": True, "WITH_ERROR": False, "ERROR": False, "FAILED": False}


@dataclass(frozen=True, slots=True)
class Shape:
    """Which columns a file has: an empty cell might mean something, so every row fills all."""

    subscriptions: tuple[str, ...]
    attributes: tuple[str, ...]


class ImportFormat(Protocol):
    """How an import is asked for, and how its answers are read."""

    def start(
        self, mapping: Mapping, shape: Shape, rows: Sequence[tuple[str, ProfileChange]]
    ) -> Request:
        """Build the import of these rows, by the value of the unique attribute."""
        ...

    def number(self, answer: Answer) -> str:
        """Read the number of the import; raises UnclearError where none is told."""
        ...

    def look(self, mapping: Mapping, number: str) -> Request:
        """Build the question how an import stands."""
        ...

    def ended(self, answer: Answer) -> bool | None:
        """Read how it stands: None while it runs, whether all rows were taken over at its end."""
        ...

    def result(self, mapping: Mapping, number: str) -> Request:
        """Build the question which rows were not taken over."""
        ...

    def failed(self, answer: Answer) -> frozenset[int]:
        """Read which rows were not taken over, the first is 0; raises TemporaryError."""
        ...


class V5OneShot:
    """`POST /mass-imports/v5/entities/{entity}/etl-executions`, a CSV file and its definition."""

    def __init__(self, settings: ActitoSettings) -> None:
        self._settings = settings

    def start(
        self, mapping: Mapping, shape: Shape, rows: Sequence[tuple[str, ProfileChange]]
    ) -> Request:
        """Build the import: profiles are changed and never made, and no cell is empty."""
        subscriptions = [f"subscriptions#{name}" for name in shape.subscriptions]
        names = [mapping.key_attribute, *subscriptions, *shape.attributes]
        heads = [f"c{number}" for number, _ in enumerate(names)]
        definition = {
            "table": mapping.table,
            "mode": "UPDATE",
            "encoding": "UTF-8",
            "format": {"separator": _SEPARATOR, "endOfLine": "\n"},
            "generateResultFile": True,
            "attributesMapping": [
                {"headerColumn": head, "attributeName": name}
                for head, name in zip(heads, names, strict=True)
            ],
        }
        # Nobody can guess it, so no value that a person chose can end a part.
        boundary = secrets.token_hex(16)
        body = _multipart(boundary, orjson.dumps(definition), _file(heads, shape, rows))
        return Request(
            "actito import",
            "POST",
            self._url(mapping),
            body,
            write=True,
            content_type=f"multipart/form-data; boundary={boundary}",
        )

    def number(self, answer: Answer) -> str:
        """Read `{"id": 5001}`."""
        number = profile_number(json_object(answer, write=True).get("id"))
        if not number:
            raise UnclearError(f"{answer.name}: the answer has no number, so nobody can look")
        return number

    def look(self, mapping: Mapping, number: str) -> Request:
        """Build `GET …/etl-executions/{id}`."""
        return Request("actito import look", "GET", self._url(mapping, number))

    def ended(self, answer: Answer) -> bool | None:
        """Read `executionStatus`; a word that is not known means that it goes on."""
        return _ENDED.get(str(json_object(answer, write=False).get("executionStatus")).upper())

    def result(self, mapping: Mapping, number: str) -> Request:
        """Build `GET …/etl-executions/{id}/result-file`."""
        return Request("actito import result", "GET", self._url(mapping, number, "result-file"))

    def failed(self, answer: Answer) -> frozenset[int]:
        """Read the first column, the number of the line, below the heads; the first line is 1."""
        lines = answer.body.decode(errors="replace").splitlines()[1:]
        try:
            return frozenset(int(line.partition(_SEPARATOR)[0]) - 1 for line in lines if line)
        except ValueError:
            raise TemporaryError(f"{answer.name}: the result is no list of lines") from None

    def _url(self, mapping: Mapping, *rest: str) -> URL:
        place = "/".join(
            ["v5/entities", segment(mapping.entity), "etl-executions", *map(segment, rest)]
        )
        return URL(address(self._settings, self._settings.imports_prefix, place), encoded=True)


def fits(key: str, change: ProfileChange) -> bool:
    """Say whether a file can hold this change.

    A line break stays out: whoever reads the file in another way than it was written would find
    a row of its own behind it, about somebody else.
    """
    texts = [key, *(value for value in change.attributes.values() if isinstance(value, str))]
    return all(0 < len(text) <= MAX_TEXT and text.isprintable() for text in texts)


def _file(heads: Sequence[str], shape: Shape, rows: Sequence[tuple[str, ProfileChange]]) -> bytes:
    text = io.StringIO(newline="")
    lines = csv.writer(text, delimiter=_SEPARATOR, lineterminator="\n")
    lines.writerow(heads)
    for key, change in rows:
        subscribed = [_cell(change.subscriptions[name]) for name in shape.subscriptions]
        others = [_cell(change.attributes[name]) for name in shape.attributes]
        lines.writerow([key, *subscribed, *others])
    # No byte order mark: Actito refuses a file that has one.
    return text.getvalue().encode()


def _cell(value: Scalar) -> str:
    return str(value).upper() if isinstance(value, bool) else str(value)


def _multipart(boundary: str, definition: bytes, file: bytes) -> bytes:
    parts = (
        ('name="parameters"', "application/json", definition),
        ('name="inputFile"; filename="changes.csv"', "text/csv; charset=utf-8", file),
    )
    whole = b""
    for place, kind, content in parts:
        head = f"--{boundary}\r\nContent-Disposition: form-data; {place}\r\n"
        whole += head.encode() + f"Content-Type: {kind}\r\n\r\n".encode() + content + b"\r\n"
    return whole + f"--{boundary}--\r\n".encode()
