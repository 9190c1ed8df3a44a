"""What a valid mapping file means."""

from pathlib import Path

import pytest

from consent_sync.adapters.mapping_files import json_schema, read_file
from consent_sync.adapters.mapping_files.schema import SHAPES
from consent_sync.domain.consent import Node
from consent_sync.domain.identity import Normalise
from consent_sync.domain.mapping import AttributeRules, CreateFor, SyncMode
from tests.mapping_files.samples import FULL, HEAD, LINES, lines, mapping, read

EXAMPLES = Path(__file__).resolve().parents[2] / "mappings"


def test_example_file_is_valid_without_a_warning() -> None:
    """The file that the demo and the documentation use has nothing wrong with it."""
    reading = read_file(EXAMPLES / "brand-a.yaml")

    assert (reading.problems, reading.warnings) == ((), ())
    assert reading.mapping is not None
    assert [line.id for line in reading.mapping.lines] == [
        "Newsletter",
        "DailyDeals",
        "SportNews",
        "SmsDeals",
        "PartnerMail",
    ]
    assert reading.mapping.lines[-1].node == Node(purpose="partners")
    assert reading.mapping.attributes == AttributeRules(
        allow=frozenset({"brand", "tier"}), rename={"tier": "loyaltyTier"}
    )


def test_line_numbers_lead_to_the_lines_of_the_file() -> None:
    """Every line of a mapping knows where it stands."""
    path = EXAMPLES / "brand-a.yaml"
    text = path.read_text(encoding="utf-8").splitlines()
    reading = read_file(path)

    assert reading.mapping is not None
    assert all(line.id in text[line.line_number - 1] for line in reading.mapping.lines)


def test_left_out_keys_take_their_defaults() -> None:
    """The shortest file accepts GDPR, flows both ways and creates nothing."""
    shortest = mapping(HEAD + LINES)

    assert shortest.regulations == ("gdpr",)
    assert shortest.lines[0].sync is SyncMode.TWO_WAY
    assert not shortest.lines[0].inverted
    assert (shortest.upsert_mode, shortest.create_in_didomi) == (False, False)
    assert shortest.enable_webhooks
    assert shortest.create_for is CreateFor.ANY
    assert shortest.normalise is Normalise.NONE
    assert shortest.attributes == AttributeRules()
    assert shortest.account == ""


def test_every_key_reaches_the_mapping() -> None:
    """Nothing that can be written is dropped on the way."""
    changed = (
        FULL.replace("[gdpr]", "[gdpr, cpra]")
        .replace("upsert_mode: false", "upsert_mode: true")
        .replace("create_for: any", "create_for: granted")
        .replace("create_in_didomi: false", "create_in_didomi: true")
        .replace("enable_webhooks: true", "enable_webhooks: false")
        .replace("sync: two-way", "sync: to-actito")
        .replace("inverted: false", "inverted: true")
        .replace("normalise: lower", "normalise: trim")
        .replace("  allow: [brand, tier]\n  rename:\n    tier: loyaltyTier", "  deny: [shoeSize]")
    )
    read_back = mapping(changed)

    assert read_back.account == "brand-a"
    assert read_back.regulations == ("gdpr", "cpra")
    assert read_back.upsert_mode
    assert read_back.create_for is CreateFor.GRANTED
    assert read_back.create_in_didomi
    assert not read_back.enable_webhooks
    assert read_back.normalise is Normalise.TRIM
    assert read_back.attributes == AttributeRules(deny=frozenset({"shoeSize"}))
    assert (read_back.lines[0].sync, read_back.lines[0].inverted) == (SyncMode.TO_ACTITO, True)
    assert (read_back.entity, read_back.table, read_back.key_attribute) == (
        "acme",
        "Customers",
        "customerId",
    )


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "+".join(sorted(shape)))
def test_every_shape_of_a_selector_becomes_its_node(shape: frozenset[str]) -> None:
    """The six places that a choice can have in Didomi's tree can all be named."""
    selector = ", ".join(f"{key}: {key}-1" for key in sorted(shape))
    node = mapping(lines(f"  - id: A\n    value: {{{selector}}}\n")).lines[0].node

    assert node == Node(**{key: f"{key}-1" for key in shape})


def test_words_that_other_programs_read_as_truth_stay_text() -> None:
    """`off` is a word of `sync`, and a subscription may be called `no`."""
    line = mapping(lines("  - {id: no, value: {purpose: on}, sync: off}\n")).lines[0]

    assert (line.id, line.node, line.sync) == ("no", Node(purpose="on"), SyncMode.OFF)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + HEAD + LINES,
        (HEAD + LINES).replace("\n", "\r\n"),
        (HEAD + LINES).replace("acme", '"acme"'),
        (HEAD + LINES).replace("brand-a", "brand-a   # a remark"),
        (HEAD + LINES).rstrip("\n"),
        (HEAD + LINES)
        .replace("brand-a\n", "brand-a\n\n")
        .replace("didomi:\n  ", "didomi: {")
        .replace("acme\n", "acme}\n", 1),
    ],
    ids=["byte order mark", "CRLF", "quotes", "remark", "no last line end", "other layout"],
)
def test_form_alone_makes_no_new_version(text: str) -> None:
    """The version speaks of content: how a file is saved, quoted or laid out is not part of it."""
    assert mapping(text).version == mapping(HEAD + LINES).version


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("acme", "acme2"),
        ("privacy@example.com", "dpo@example.com"),
        ("channel: email", "channel: sms"),
        ("mappings:", "upsert_mode: true\nmappings:"),
        ("mappings:", "# a line more\nmappings:"),
    ],
)
def test_every_change_a_decision_could_name_makes_a_new_version(old: str, new: str) -> None:
    """What a mapping says, and where its lines stand, is fixed by its version."""
    text = HEAD + LINES

    assert mapping(text.replace(old, new)).version != mapping(text).version


def test_version_is_twelve_hexadecimal_digits() -> None:
    """The version is short enough to stand in every decision."""
    version = mapping(FULL).version

    assert len(version) == 12
    assert set(version) <= set("0123456789abcdef")


def test_names_may_hold_spaces_and_letters_of_any_language() -> None:
    """Subscriptions are called what the marketing team calls them."""
    line = mapping(lines("  - id: Été à la mer\n    value: {purpose: offres été}\n")).lines[0]

    assert (line.id, line.node.purpose) == ("Été à la mer", "offres été")


def test_schema_beside_the_example_is_the_one_of_the_program() -> None:
    """Editors complete and check with the keys that the program really knows."""
    kept = (EXAMPLES / "mapping.schema.json").read_text(encoding="utf-8")

    assert kept == json_schema()


def test_name_is_known_even_when_the_file_is_refused() -> None:
    """Another file with the same name can be told about it."""
    reading = read(HEAD)

    assert (reading.mapping, reading.name) == (None, "brand-a")
