"""The hosted connector's configuration, in every shape that was published."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent_sync.adapters.hosted_connector import (
    Configuration,
    KnownIds,
    mapping_text,
    read_configuration,
)
from consent_sync.adapters.mapping_files import Code, read_mapping
from consent_sync.adapters.mapping_files.problems import Place
from consent_sync.adapters.mapping_files.scalars import scalar
from consent_sync.domain.consent import Node

SECRET = "fake-secret-that-must-stay"
PUBLISHED = (
    """{
  "type_id": "actito",
  "authentication": {
    "private_api_key:" "SECRET"
  },
  "properties": { "entity_id": "acme", "table_name": "Customers", "user_unique_key": "customerId" },
  "mappings": [
    {
      "id": "Newsletter",
      "value": "consents_channels_email_enabled",
    }
  ],
  "upsert_mode": true,
  "enable_webhooks": false,
  "enable_emailing": false
}"""
).replace("SECRET", SECRET)
COOKIES = "consents_purposes_cookies_preferences_newsletter_enabled"


def config(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "type_id": "actito",
        "authentication": {"private_api_key": SECRET},
        "properties": {
            "entity_id": "acme",
            "table_name": "Customers",
            "user_unique_key": "customerId",
        },
        "mappings": [{"id": "Newsletter", "value": "consents_channels_email_enabled"}],
        "upsert_mode": True,
        "enable_webhooks": True,
        "enable_emailing": False,
    }
    return whole | changes


def taken(content: object, known: KnownIds | None = None) -> Configuration:
    read = read_configuration("c.json", json.dumps(content, indent=1).encode(), known)
    assert read.configuration is not None, read.problems
    return read.configuration


def codes(content: object, known: KnownIds | None = None) -> list[Code]:
    read = read_configuration("c.json", json.dumps(content).encode(), known)
    return [one.code for one in read.problems]


def test_present_shape_is_read_whole() -> None:
    """Everything that a mapping file can say is carried over."""
    read = taken(config())

    assert (read.entity_id, read.table_name, read.user_unique_key) == (
        "acme",
        "Customers",
        "customerId",
    )
    assert (read.upsert_mode, read.enable_webhooks, read.left_out) == (True, True, ())
    assert [(one.id, one.nodes) for one in read.lines] == [("Newsletter", (Node(channel="email"),))]


def test_legacy_shape_is_read_whole() -> None:
    """The older pages put everything below `config`, and the lines into `properties`."""
    read = taken(
        {
            "upsert_mode": True,
            "config": {
                "api_key": SECRET,
                "entity_id": "acme",
                "table_name": "Customers",
                "properties": [
                    {"id": "customerId", "value": "user_organization_user_id"},
                    {"id": "Ads", "value": "consents_purposes_ads_enabled"},
                ],
            },
        }
    )

    assert (read.entity_id, read.user_unique_key) == ("acme", "customerId")
    assert [(one.id, one.nodes) for one in read.lines] == [("Ads", (Node("ads"),))]
    assert read.secrets == ("config.api_key",)


def test_published_example_is_refused_for_exactly_its_two_faults() -> None:
    """Each fault is named with its place and its repair."""
    found = read_configuration("c.json", PUBLISHED.encode()).problems

    assert [(one.code, one.place) for one in found if one.code is Code.IMPORT_FAULT] == [
        (Code.IMPORT_FAULT, Place(4, 5)),
        (Code.IMPORT_FAULT, Place(10, 49)),
    ]
    assert {one.code for one in found} == {Code.IMPORT_FAULT}


def test_published_example_is_repaired_when_asked() -> None:
    """With the repair it is the configuration that was meant."""
    read = read_configuration("c.json", PUBLISHED.encode(), repair=True)

    assert read.problems == ()
    assert read.configuration is not None
    assert read.configuration.lines[0].id == "Newsletter"


@pytest.mark.parametrize("name", ["A,}", 'x "private_api_key:" "', "a,]b"])
def test_repair_touches_no_value(name: str) -> None:
    """What looks like a fault inside of a name stays as it is."""
    content = config(mappings=[{"id": name, "value": "consents_channels_email_enabled"}])
    data = json.dumps(content).encode()
    read = read_configuration("c.json", data, repair=True)

    assert read_configuration("c.json", data).problems == ()
    assert read.configuration is not None
    assert read.configuration.lines[0].id == name


@pytest.mark.parametrize("wrong", ["{", "[1, 2", '{"a": 1 "b": 2}', "", "nonsense"])
def test_other_faults_are_not_repaired(wrong: str) -> None:
    """Nothing is guessed beyond the two known faults."""
    found = read_configuration("c.json", wrong.encode(), repair=True).problems

    assert [one.code for one in found] == [Code.IMPORT_JSON]


@pytest.mark.parametrize(
    "data", [b"\xff\xfe{\x00", b"[" * 100_000, b"{" * 100_000, b"x" * (5 * 1024 * 1024 + 1)]
)
def test_hostile_bytes_are_refused_in_a_sentence(data: bytes) -> None:
    """Whatever the bytes are, nothing is raised."""
    assert read_configuration("c.json", data).configuration is None


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (config(type_id="sendinblue"), Code.IMPORT_SHAPE),
        (config(upsert_mode="true"), Code.IMPORT_SHAPE),
        (config(upsert_mdoe=True), Code.IMPORT_SHAPE),
        (config(properties=["a"]), Code.IMPORT_SHAPE),
        (config(properties={"entity_id": 7}), Code.IMPORT_SHAPE),
        (config(mappings=[]), Code.IMPORT_SHAPE),
        (config(mappings={}), Code.IMPORT_SHAPE),
        (config(mappings=["a"]), Code.IMPORT_SHAPE),
        (config(mappings=[{"id": "A"}]), Code.IMPORT_SHAPE),
        (config(mappings=[{"id": "A", "value": "some_path"}]), Code.PATH),
        (config(mappings=[{"id": "A", "value": "consents_preferences_x_enabled"}]), Code.PATH),
        (
            config(mappings=[{"id": "consents_channels_email_enabled", "value": "News"}]),
            Code.IMPORT_SHAPE,
        ),
    ],
)
def test_other_shapes_are_refused(content: dict[str, Any], code: Code) -> None:
    """What cannot be understood for certain is said, and nothing comes of it."""
    assert codes(content) == [code]


def test_all_mistakes_come_in_one_run() -> None:
    """Nobody repairs a configuration one message at a time."""
    content = config(type_id="x", upsert_mode=1, mappings=[{"id": "A", "value": "b"}, {"id": 1}])

    assert len(codes(content)) == 5


def test_path_with_several_readings_keeps_them_all() -> None:
    """Nobody can know which is meant, so every reading is there to be shown."""
    (line,) = taken(config(mappings=[{"id": "A", "value": COOKIES}])).lines

    assert line.nodes == (
        Node("cookies_preferences_newsletter"),
        Node("cookies", "newsletter"),
    )


@pytest.mark.parametrize(
    ("known", "node"),
    [
        (
            KnownIds(frozenset({"cookies"}), frozenset({"newsletter"})),
            Node("cookies", "newsletter"),
        ),
        (
            KnownIds(frozenset({"cookies_preferences_newsletter"}), frozenset()),
            Node("cookies_preferences_newsletter"),
        ),
        (KnownIds(frozenset({"cookies"}), None), Node("cookies", "newsletter")),
    ],
)
def test_known_ids_decide_between_readings(known: KnownIds, node: Node) -> None:
    """What exists in Didomi leaves only one reading."""
    (line,) = taken(config(mappings=[{"id": "A", "value": COOKIES}]), known).lines

    assert line.nodes == (node,)


def test_known_ids_that_allow_two_readings_decide_nothing() -> None:
    """An organisation can have both; then a person has to choose."""
    both = KnownIds(
        frozenset({"cookies", "cookies_preferences_newsletter"}), frozenset({"newsletter"})
    )

    assert len(taken(config(mappings=[{"id": "A", "value": COOKIES}]), both).lines[0].nodes) == 2


def test_path_to_nothing_that_exists_is_refused() -> None:
    """A purpose that Didomi does not have is a slip, or has been deleted."""
    content = config(mappings=[{"id": "A", "value": "consents_purposes_markting_enabled"}])
    known = KnownIds(frozenset({"marketing"}), frozenset())
    (found,) = read_configuration("c.json", json.dumps(content).encode(), known).problems

    assert (found.code, found.nearest) == (Code.IMPORT_SHAPE, "marketing")


def test_what_is_not_carried_over_is_said() -> None:
    """Nothing that somebody relied on ends unnoticed."""
    content = config(enable_emailing=True, retries=3)
    del content["enable_webhooks"]
    left_out = " ".join(taken(content).left_out)

    assert "mails and texts" in left_out
    assert "`retries`" in left_out
    assert "way back" in left_out


@settings(max_examples=50, deadline=None)
@given(at=st.integers(0, len(PUBLISHED)), piece=st.text(max_size=4), repair=st.booleans())
def test_no_problem_ever_shows_the_secret(at: int, piece: str, repair: bool) -> None:
    """However the configuration is spoiled, its secret stays in it."""
    spoiled = (PUBLISHED[:at] + piece + PUBLISHED[at:]).encode(errors="replace")
    read = read_configuration("c.json", spoiled, repair=repair)
    told = " ".join(f"{one} {one.text}" for one in read.problems)

    assert SECRET not in told + str(read.configuration)


def test_file_says_what_the_configuration_said() -> None:
    """The written file is a valid mapping, with the same meaning and without the secret."""
    content = taken(
        config(
            organization_id="acme",
            mappings=[
                {"id": "no", "value": "consents_channels_email_enabled"},
                {"id": "It's: #1", "value": "consents_purposes_2024_enabled"},
                {"id": "loyaltyTier", "value": "user_metadata_tier"},
            ],
        )
    )
    text = mapping_text(content, name="brand-a", contact="Team: privacy", source="c.json")
    mapping = read_mapping("brand-a.yaml", text.encode()).mapping

    assert mapping is not None
    assert [(line.id, line.node) for line in mapping.lines] == [
        ("no", Node(channel="email")),
        ("It's: #1", Node("2024")),
    ]
    assert (mapping.contact, mapping.upsert_mode, mapping.enable_webhooks) == (
        "Team: privacy",
        True,
        True,
    )
    assert mapping.attributes.rename == {"tier": "loyaltyTier"}
    assert SECRET not in text


@settings(max_examples=200, deadline=None)
@given(name=st.text(min_size=1, max_size=30))
def test_any_name_survives_the_writing(name: str) -> None:
    """What is written as YAML is read as the same text, or refused for what it holds."""
    text = f"name: a\ncontact: {scalar(name)}\n"
    text += "didomi: {organization_id: a}\nactito:\n  entity_id: a\n  table_name: a\n"
    text += f"  user_unique_key: a\nmappings:\n  - id: {scalar(name)}\n    value: {{channel: e}}\n"
    reading = read_mapping("a.yaml", text.encode(errors="replace"))

    if reading.mapping is None:
        assert {one.code for one in reading.problems} <= {Code.INVALID_NAME, Code.ENCODING}
    else:
        assert reading.mapping.lines[0].id == name
        assert reading.warnings == ()
