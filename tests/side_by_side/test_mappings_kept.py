"""Versions of mappings that another version of the program kept."""

import json
from dataclasses import replace
from typing import Any

import orjson
import pytest

from consent_sync.adapters.storage.codec_versions import version_of, version_row
from consent_sync.domain.consent import Node
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Normalise
from consent_sync.domain.mapping import AttributeRules, CreateFor, Line, Mapping, SyncMode
from consent_sync.ports.versions import MappingVersion
from tests.side_by_side.values import HELD, parts_of

USUAL = Mapping(
    name="brand-a",
    version="0a1b",
    file="brand-a.yaml",
    contact="privacy@example.com",
    organization_id="acme",
    regulations=("gdpr",),
    entity="acme",
    table="Customers",
    key_attribute="customerId",
    lines=(Line("Newsletter", Node(channel="email")),),
)
WHOLE = replace(
    USUAL,
    name="brand-b",
    version="2c3d",
    file="brand-b.yaml",
    regulations=("gdpr", "cpra"),
    lines=(Line("Deals", Node("marketing", "deals", "sms", "x"), SyncMode.TO_ACTITO, True, 7),),
    upsert_mode=True,
    enable_webhooks=False,
    create_for=CreateFor.GRANTED,
    create_in_didomi=True,
    normalise=Normalise.LOWER,
    attributes=AttributeRules(frozenset({"city"}), frozenset({"age"}), {"city": "town"}),
    account="acme-eu",
)

CHANGED = """
What another version of the program reads of a mapping has changed. Leave the sample as it is and
add to it: a new key needs a default that means what held before it, and a default never changes,
because mappings were kept without it. See "What another version reads" in CONTRIBUTING.md.
"""


def content_of(mapping: Mapping) -> bytes:
    row = version_row(MappingVersion(mapping.name, 1, mapping.file, mapping, ()))
    assert isinstance(row[5], bytes)
    return row[5]


def read(content: bytes) -> Mapping | None:
    return version_of((1, "brand-a", "", "brand-a.yaml", 1, b"[]", content, b"")).content


def sample() -> dict[str, Any]:
    held: dict[str, Any] = json.loads((HELD / "mappings.json").read_text(encoding="utf-8"))
    return held


def test_all_that_a_mapping_can_say_is_in_the_sample() -> None:
    """A key that nobody sets could be dropped without anybody noticing."""
    unset = {name for name, filled in parts_of(WHOLE) if not filled}

    assert unset == set(), CHANGED


@pytest.mark.parametrize(("name", "mapping"), [("usual", USUAL), ("whole", WHOLE)])
def test_a_mapping_is_kept_and_read_as_it_always_was(name: str, mapping: Mapping) -> None:
    """What is as usual is left out, so that older programs read it whatever was added since."""
    held = sample()[name]

    assert orjson.loads(content_of(mapping)) == held, CHANGED
    assert read(orjson.dumps(held)) == mapping, CHANGED


def test_a_mapping_as_the_first_programs_kept_it_is_read() -> None:
    """They wrote what is as usual, too."""
    assert read(orjson.dumps(sample()["usual, in full"])) == USUAL


@pytest.mark.parametrize("path", [(), ("lines", 0), ("attributes",)])
def test_a_mapping_that_says_more_is_refused(path: tuple[str | int, ...]) -> None:
    """Without what this program does not know it might let more pass."""
    content = orjson.loads(content_of(WHOLE))
    part = content
    for step in path:
        part = part[step]
    part["only_adults"] = True

    with pytest.raises(StoreError, match="version 1 of mapping brand-a in the database holds more"):
        read(orjson.dumps(content))
