"""During an update an older program reads what a newer one wrote: it never drops what is new."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from consent_sync.domain.errors import StoreError
from tests.side_by_side.values import HELD, KINDS, parts_of

SAMPLES = sorted(HELD.glob("values-*.json"))

NEWER = """
What programs of older versions read in the database has changed its form. Leave the samples that
are there as they are, and see "What another version reads" in CONTRIBUTING.md: a new part comes at
the end and only where it is there, so that older programs refuse such a value and leave the person
to a newer replica. Then add the new form as a further sample in tests/side_by_side/held.
"""

# Lists of texts or numbers, as many as there happen to be: spellings, options, doubts, events, lines.
OPEN = (
    ["Ada@example.com", "ada@example.com"],
    ["sport"],
    ["conflict"],
    [7, 8],
    ["Newsletter"],
)


def test_all_that_can_be_stored_is_in_the_values() -> None:
    """A field that nobody fills could be dropped without anybody noticing."""
    for kind in KINDS.values():
        found = dict[str, bool]()
        for name, filled in parts_of(kind.value):
            found[name] = found.get(name, False) or filled

        assert [name for name, filled in found.items() if not filled] == [], NEWER


@pytest.mark.parametrize("kind", KINDS)
def test_the_newest_sample_is_what_is_written(kind: str) -> None:
    """The form of values changes by a new sample only, so that nobody changes it unawares."""
    sample = json.loads(SAMPLES[-1].read_text(encoding="utf-8"))
    written = orjson.loads(KINDS[kind].encode(KINDS[kind].value))

    assert written == sample[kind], NEWER


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: str(file.stem))
def test_what_was_ever_written_is_read_and_written_as_it_was(kind: str, file: Any) -> None:
    """An older program reads what a newer one has written back, unless something new came in."""
    sample = json.loads(file.read_text(encoding="utf-8"))[kind]
    read = KINDS[kind].decode(orjson.dumps(sample))

    assert orjson.loads(KINDS[kind].encode(read)) == sample, NEWER


def lists_in(value: Any, path: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    if isinstance(value, list):
        yield path
        for place, one in enumerate(value):
            yield from lists_in(one, (*path, place))


def at(value: Any, path: tuple[int, ...]) -> Any:
    for place in path:
        value = value[place]
    return value


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_that_holds_more_is_refused_and_not_cut(kind: str) -> None:
    """Written back without what this program does not know, that would be lost for good."""
    whole = orjson.loads(KINDS[kind].encode(KINDS[kind].value))
    taken = []
    for path in lists_in(whole):
        more = copy.deepcopy(whole)
        at(more, path).append(None)
        try:
            KINDS[kind].decode(orjson.dumps(more))
        except StoreError:
            continue
        taken.append(at(whole, path))

    assert [one for one in taken if one not in OPEN] == []
