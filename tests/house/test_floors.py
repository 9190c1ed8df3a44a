"""The rules of the house that the import rules in pyproject.toml cannot express."""

import ast
from collections.abc import Iterator

import pytest

from tests.house.sources import dotted_name, imported_names, python_files

# The one place that asks for the present moment and for chance, and the servers that judge us.
MAY_ASK_CLOCK_AND_CHANCE = ("consent_sync/adapters/clock.py", "consent_sync/simulators/")

CLOCK_AND_CHANCE = {
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "time.monotonic",
    "time.monotonic_ns",
    "time.time",
    "time.time_ns",
    "uuid.uuid1",
    "uuid.uuid4",
}

# Where a handler may catch everything, and why nothing narrower would do.
MAY_CATCH_EVERYTHING = {
    "consent_sync/services/worker.py": "one person's unforeseen failure must not stop the others",
    "consent_sync/web/middleware.py": "a sender gets an honest 503, never a broken connection",
    "consent_sync/cli/main.py": "a person gets a sentence and an exit code, never a traceback",
}


def clock_and_chance(tree: ast.Module) -> Iterator[tuple[int, str]]:
    names = imported_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            name = dotted_name(node, names)
            if name in CLOCK_AND_CHANCE or name.startswith("random."):
                yield node.lineno, name


def broad_handlers(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            broad = {"Exception", "BaseException"}
            if any(k is None or (isinstance(k, ast.Name) and k.id in broad) for k in kinds):
                yield node.lineno


def test_moment_and_chance_are_asked_for_in_one_place() -> None:
    """Everything but the clock adapter and the simulators is handed the moment and the chance."""
    found = [
        f"{path}:{line}: {name}"
        for path, tree in python_files("consent_sync")
        if not path.startswith(MAY_ASK_CLOCK_AND_CHANCE)
        for line, name in clock_and_chance(tree)
    ]

    assert found == []


def test_broad_handlers_stand_only_at_the_named_edges() -> None:
    """A handler that catches everything exists only where the list gives its reason."""
    found = [
        f"{path}:{line}"
        for path, tree in python_files("consent_sync")
        if path not in MAY_CATCH_EVERYTHING
        for line in broad_handlers(tree)
    ]

    assert found == []


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import time\ntime.time()", "time.time"),
        ("import time as t\nt.monotonic()", "time.monotonic"),
        ("from time import time_ns\ntime_ns()", "time.time_ns"),
        ("import datetime\ndatetime.datetime.now()", "datetime.datetime.now"),
        ("from datetime import datetime as dt\ndt.utcnow()", "datetime.datetime.utcnow"),
        ("from datetime import date\nask = date.today", "datetime.date.today"),
        ("from uuid import uuid4\nuuid4()", "uuid.uuid4"),
        ("import random\nrandom.random()", "random.random"),
        ("from random import Random\nRandom()", "random.Random"),
    ],
)
def test_every_way_to_ask_is_found(source: str, name: str) -> None:
    """The search sees a clock or a chance through aliases and from-imports."""
    assert (2, name) in list(clock_and_chance(ast.parse(source)))


def test_a_moment_as_a_type_is_allowed() -> None:
    """Naming `datetime` as a type, or building one from a number, asks no clock."""
    source = (
        "from datetime import UTC, datetime\ndef f(m: datetime): datetime.fromtimestamp(1, UTC)"
    )

    assert list(clock_and_chance(ast.parse(source))) == []


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        ("except:", [3]),
        ("except Exception:", [3]),
        ("except BaseException as error:", [3]),
        ("except (ValueError, Exception):", [3]),
        ("except (ValueError, OSError):", []),
    ],
)
def test_every_broad_handler_is_found(handler: str, expected: list[int]) -> None:
    """The search sees a broad handler in each of its spellings, and leaves narrow ones alone."""
    source = f"try:\n    pass\n{handler}\n    pass"

    assert list(broad_handlers(ast.parse(source))) == expected
