"""The mapping file, key by key; docs/reference/mapping-file.md explains the same keys to people."""

from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

from consent_sync.adapters.mapping_files.paths import (
    likely_path,
    readings,
    selector_text,
    why_no_path,
)
from consent_sync.adapters.mapping_files.problems import Code, shown
from consent_sync.domain.consent import Node
from consent_sync.domain.identity import Normalise
from consent_sync.domain.mapping import CreateFor, SyncMode

_READINGS_SHOWN: Final = 4

_CURLY: Final = "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb\u2039\u203a"
"""Quotes of word processors; to YAML they are letters."""

SHAPES: Final = (
    frozenset({"channel"}),
    frozenset({"purpose"}),
    frozenset({"purpose", "channel"}),
    frozenset({"purpose", "preference"}),
    frozenset({"purpose", "preference", "channel"}),
    frozenset({"purpose", "preference", "option"}),
)
"""The keys that make a place in Didomi's tree when they stand together."""

_SHAPES_IN_WORDS: Final = (
    "one of {channel}, {purpose}, {purpose, channel}, {purpose, preference}, "
    "{purpose, preference, channel}, {purpose, preference, option}"
)


def refused(code: Code, found: str, expected: str, nearest: str = "") -> PydanticCustomError:
    """Return the error that carries our own words through the schema."""
    words = {"found": found, "expected": expected, "nearest": nearest}
    return PydanticCustomError(code.value, "{found}", words)


def _clean(text: str) -> str:
    if text != text.strip():
        raise refused(Code.INVALID_NAME, f"`{shown(text)}` with a space at an end", "no such space")
    if len(text) > 1 and text[0] in _CURLY and text[-1] in _CURLY:
        found, bare = f"`{shown(text)}` in curly quotes", text.strip(_CURLY)
        raise refused(Code.INVALID_NAME, found, "straight quotes, or none", shown(bare))
    if not text.isprintable():
        raise refused(Code.INVALID_NAME, f"`{shown(text)}`", "printable characters only")
    return text


def _one_option(text: str) -> str:
    if "," in text:
        # Didomi sends the options of a preference as one text, joined by commas.
        raise refused(Code.INVALID_NAME, f"`{shown(text)}` with a comma", "one option per line")
    return text


def _one_reading(path: str) -> str:
    found = readings(path)
    if len(found) == 1:
        return path
    if not found:
        raise refused(Code.PATH, f"the text `{shown(path)}`", why_no_path(path), likely_path(path))
    both = " or ".join(selector_text(node) for node in found[:_READINGS_SHOWN])
    more = " or more" if len(found) > _READINGS_SHOWN else ""
    words = f"the path `{shown(path)}`, which can mean {both}{more}"
    raise refused(Code.AMBIGUOUS_PATH, words, "the one that is meant, written as a selector")


Text = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(_clean)]
"""A name as one of the platforms spells it."""

Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,63}$")]
"""A name of ours: it stands in addresses, file names and names of variables."""

Regulation = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
"""A regulation as Didomi names it, lower case."""

Path = Annotated[Text, AfterValidator(_one_reading)]
"""A path of the hosted connector that reads one way only."""


class Section(BaseModel):
    """A block of keys: nothing unknown, nothing of another type."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True
    )


class Selector(Section):
    """A place in Didomi's consent tree."""

    purpose: Text | None = None
    """Didomi's purpose ID."""

    preference: Text | None = None
    """Didomi's preference ID, below its purpose."""

    option: Annotated[Text, AfterValidator(_one_option)] | None = None
    """One value ID of the preference."""

    channel: Text | None = None
    """Didomi's channel ID: alone, below a purpose or below a preference."""

    @model_validator(mode="after")
    def _is_a_place(self) -> "Selector":
        given = frozenset(self.model_fields_set)
        if given not in SHAPES:
            found = "{" + ", ".join(key for key in type(self).model_fields if key in given) + "}"
            raise refused(Code.SELECTOR, f"the selector {found}", _shape_in_words(given))
        return self


def _shape_in_words(given: frozenset[str]) -> str:
    if "option" in given and "channel" in given:
        return "either an option or a channel, not both"
    missing = [key for key in ("purpose", "preference") if key not in given]
    if "option" in given and missing:
        return f"{' and '.join(missing)} beside the option"
    if "preference" in given and missing:
        return "purpose beside the preference"
    return _SHAPES_IN_WORDS


def _form(value: object) -> str | None:
    if isinstance(value, dict | Selector):
        return "selector"
    return "path" if isinstance(value, str) else None


class LineSection(Section):
    """One line: a place in Didomi's tree and the Actito subscription that stands for it."""

    id: Text
    """The Actito subscription, spelled exactly as there."""

    value: Annotated[
        Annotated[Selector, Tag("selector")] | Annotated[Path, Tag("path")], Discriminator(_form)
    ]
    """The place in Didomi's tree: a selector, or a path of the hosted connector."""

    sync: SyncMode = Field(default=SyncMode.TWO_WAY, strict=False)
    """Which way choices flow."""

    inverted: bool = False
    """True when agreeing in Didomi means not being subscribed in Actito."""

    @property
    def node(self) -> Node:
        """Return the place in Didomi's tree."""
        if isinstance(self.value, str):
            return readings(self.value)[0]
        parts = self.value
        return Node(
            parts.purpose or "", parts.preference or "", parts.option or "", parts.channel or ""
        )


class DidomiSection(Section):
    """The Didomi side."""

    organization_id: Text
    """Didomi's organization ID."""

    regulations: list[Regulation] = Field(default=["gdpr"], min_length=1)
    """The regulations whose choices are accepted; all others are recorded and go nowhere."""


class ActitoSection(Section):
    """The Actito side."""

    entity_id: Text
    """The Actito entity."""

    table_name: Text
    """The profile table."""

    user_unique_key: Text
    """The attribute of the profile that holds Didomi's organization user ID."""


class AttributesSection(Section):
    """Which keys of the Didomi user's metadata become profile attributes."""

    allow: list[Text] | None = None
    """Only these keys pass."""

    deny: list[Text] | None = None
    """These keys do not pass, all others do."""

    rename: dict[Text, Text] = Field(default_factory=dict)
    """Metadata key to profile attribute, where the two have different names."""


class IdentitySection(Section):
    """How the same person is found on both sides."""

    normalise: Normalise = Field(default=Normalise.NONE, strict=False)
    """What is done to both spellings before they are compared."""


class MappingFile(Section):
    """One mapping file of consent-sync."""

    name: Word
    """The name of the mapping: letters, digits and `-`; it stands in the webhook addresses."""

    contact: Text
    """Who answers for this file."""

    didomi: DidomiSection
    """The Didomi side."""

    actito: ActitoSection
    """The Actito side."""

    mappings: list[LineSection] = Field(min_length=1)
    """The lines, one for each Actito subscription."""

    account: Word | None = None
    """Which account's credentials are used, when there are several."""

    upsert_mode: bool = False
    """Whether profiles may be created in Actito."""

    create_for: CreateFor = Field(default=CreateFor.ANY, strict=False)
    """Which choices may create a profile when upsert_mode is true."""

    create_in_didomi: bool = False
    """Whether a choice made in Actito may create a user in Didomi."""

    enable_webhooks: bool = True
    """Whether Actito's webhooks are taken: the way back, from Actito to Didomi."""

    identity: IdentitySection = Field(default_factory=IdentitySection)
    """How the same person is found on both sides."""

    attributes: AttributesSection | None = None
    """Which metadata becomes profile attributes; without it every key does."""


SECTIONS: Final[dict[str, type[Section]]] = {
    "": MappingFile,
    "didomi": DidomiSection,
    "actito": ActitoSection,
    "mappings": LineSection,
    "value": Selector,
    "identity": IdentitySection,
    "attributes": AttributesSection,
}
"""Every block of keys under the key that opens it."""
