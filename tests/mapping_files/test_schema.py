"""The published JSON Schema says the same as the program, as far as a schema can."""

import json
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from consent_sync.adapters.mapping_files import json_schema
from consent_sync.adapters.mapping_files.schema import SECTIONS
from consent_sync.cli.main import app
from tests.mapping_files.samples import FULL, HEAD, LINES, lines, read
from tests.mapping_files.schema_judge import Judge

SCHEMA: dict[str, Any] = json.loads(json_schema())
JUDGE = Judge(SCHEMA)
KEYS = sorted({key for model in SECTIONS.values() for key in model.model_fields})


def fits(text: str) -> bool:
    return JUDGE.fits(YAML(typ="safe", pure=True).load(text))


SPOILED = [
    FULL.replace("upsert_mode: false", "upsert_mode: no"),
    FULL.replace("upsert_mode: false", "upsert_mode: 1"),
    FULL.replace("upsert_mode: false", "upsert_mode:"),
    FULL.replace("sync: two-way", "sync: twoway"),
    FULL.replace("create_for: any", "create_for: none"),
    FULL.replace("normalise: lower", "normalise: upper"),
    FULL.replace("[gdpr]", "[]"),
    FULL.replace("[gdpr]", "[GDPR]"),
    FULL.replace("[gdpr]", "gdpr"),
    FULL.replace("name: brand-a", "name: brand a"),
    FULL.replace("name: brand-a", "name: 2024"),
    FULL.replace("contact: privacy@example.com", 'contact: ""'),
    FULL.replace("      option: sport\n", "").replace("      purpose: marketing\n", ""),
    FULL.replace("      preference: topics\n", ""),
    HEAD,
    HEAD + "mappings: []\n",
    lines("  - {id: A, value: {}}\n"),
    lines("  - {id: A, value: {channel: c, option: o}}\n"),
    lines("  - {id: A, value: {purpose: p, preference: t, option: o, channel: c}}\n"),
    lines("  - {id: A, value: some_text}\n"),
    lines("  - {id: A, value: consents_vendors_x_enabled}\n"),
    lines("  - {value: {channel: c}}\n"),
    lines("  - {id: A}\n"),
]


@pytest.mark.parametrize(
    "text",
    [
        FULL,
        HEAD + LINES,
        lines("  - {id: A, value: consents_purposes_partners_enabled}\n"),
        lines("  - {id: A, value: consents_channels_email_enabled}\n"),
        lines("  - {id: A, value: {purpose: p, channel: c}}\n"),
        lines("  - {id: A, value: {purpose: p, preference: t}}\n"),
    ],
)
def test_what_the_program_takes_fits_the_schema(text: str) -> None:
    """An editor marks nothing in a file that is right."""
    assert read(text).problems == ()
    assert fits(text)


@pytest.mark.parametrize("text", SPOILED)
def test_what_does_not_fit_is_refused_by_both(text: str) -> None:
    """An editor marks what the program would refuse."""
    assert read(text).problems != ()
    assert not fits(text)


@pytest.mark.parametrize("key", [key for key in KEYS if f"{key}:" in FULL])
def test_misspelled_key_does_not_fit(key: str) -> None:
    """A key with a letter too many is marked while it is typed."""
    assert not fits(FULL.replace(f"{key}:", f"{key}x:", 1))


def test_every_key_and_every_fixed_word_has_its_meaning() -> None:
    """Whoever hovers over a key reads what it is for."""
    parts = [SCHEMA, *SCHEMA["$defs"].values()]
    keys = [one for part in parts for one in part.get("properties", {}).values()]
    words = [part for part in parts if "enum" in part]

    assert all("description" in one or "$ref" in one for one in keys)
    assert all(len(one["enumDescriptions"]) == len(one["enum"]) for one in words)


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_command_prints_the_schema(options: list[str]) -> None:
    """The command's output can be saved as it is."""
    result = CliRunner().invoke(app, ["schema", *options])

    assert result.exit_code == 0
    assert result.output == json_schema()
