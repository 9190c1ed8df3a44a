"""The described shape of a world: entities, profile tables, attributes and subscriptions, in the platform's own words.

Field names and types follow the page "Profile tables"; `id` of a table is a numeric text.
"""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic.alias_generators import to_camel

SYSTEM_ATTRIBUTES = ("profileId", "creationMoment", "updateMoment")
"""Attributes that the platform generates; they cannot be sent."""

VALUE_TYPES = {
    "EMAIL_ADDRESS": "EMAIL",
    "LASTNAME": "STRING",
    "FIRSTNAME": "STRING",
    "BIRTHDATE": "DATE",
    "SEX": "SEX",
    "MOTHER_LANGUAGE": "LANGUAGE",
}
"""What the predefined types hold."""

CUSTOM_VALUE_TYPES = ("STRING", "INTEGER", "LONG", "NUMBER", "BOOLEAN", "DATE", "TIMESTAMP")


class _Described(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Restriction(_Described):
    """Limits of a text value."""

    min_length: int | None = Field(default=None, ge=0)
    max_length: int | None = Field(default=None, ge=1)
    accepted_values: tuple[str, ...] | None = None


class Attribute(_Described):
    """One column of a profile table."""

    type: str = "CUSTOM"
    name: str = Field(min_length=1)
    unique: bool = False
    mandatory: bool = False
    value_restriction: Restriction | None = None
    value_type: str | None = None
    multi_valued: bool | None = None

    @model_validator(mode="after")
    def _custom_has_a_value_type(self) -> Self:
        if self.type == "CUSTOM":
            if self.value_type is None:
                self.value_type = "STRING"
            if self.multi_valued is None:
                self.multi_valued = False
            if self.value_type not in CUSTOM_VALUE_TYPES:
                expected = ", ".join(CUSTOM_VALUE_TYPES)
                raise ValueError(f"valueType {self.value_type!r} is not one of {expected}")
        return self

    @property
    def holds(self) -> str:
        """The kind of value behind the type, for example STRING, EMAIL or TIMESTAMP."""
        return self.value_type or VALUE_TYPES.get(self.type, "STRING")

    def describe(self) -> dict[str, JsonValue]:
        """Show the attribute as the structure API does."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class ProfileSeed(_Described):
    """A profile that exists from the start."""

    attributes: dict[str, JsonValue] = {}
    subscriptions: dict[str, bool] = {}


class TableSpec(_Described):
    """One profile table; the system attributes are added when they are not listed."""

    id: str = Field(pattern=r"^\d+$")
    name: str = Field(min_length=1)
    attributes: list[Attribute]
    subscriptions: list[str] = []
    profiles: list[ProfileSeed] = []
    first_profile_id: int = Field(default=1001, ge=1)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        listed = {attribute.name for attribute in self.attributes}
        missing = [each for each in _system_attributes() if each.name not in listed]
        self.attributes = [*missing, *self.attributes]
        _refuse_twins(f"attributes of {self.name}", [each.name for each in self.attributes])
        _refuse_twins(f"subscriptions of {self.name}", self.subscriptions)
        return self


class EntitySpec(_Described):
    """One entity with its profile tables."""

    id: int = 3
    name: str = Field(min_length=1)
    comment: str | None = None
    tables: list[TableSpec] = []

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        _refuse_twins(f"tables of {self.name}", [table.name for table in self.tables])
        _refuse_twins(f"table ids of {self.name}", [table.id for table in self.tables])
        return self


class WorldSpec(_Described):
    """All that a simulated licence holds at the start."""

    entities: list[EntitySpec]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        _refuse_twins("entities", [entity.name for entity in self.entities])
        return self


def default_world() -> WorldSpec:
    """Describe entity `acme` with the profile table `Customers` (id 21) and five subscriptions."""
    attributes = [
        Attribute(type="EMAIL_ADDRESS", name="emailAddress", unique=True),
        Attribute(type="LASTNAME", name="lastName"),
        Attribute(type="FIRSTNAME", name="firstName"),
        Attribute(name="customerId", unique=True, value_restriction=Restriction(max_length=255)),
        Attribute(name="brand"),
        Attribute(
            name="loyaltyTier",
            value_restriction=Restriction(
                max_length=20, accepted_values=("bronze", "silver", "gold")
            ),
        ),
        Attribute(name="age", value_type="INTEGER"),
    ]
    subscriptions = ["Newsletter", "DailyDeals", "SportNews", "SmsDeals", "PartnerMail"]
    table = TableSpec(id="21", name="Customers", attributes=attributes, subscriptions=subscriptions)
    return WorldSpec(entities=[EntitySpec(id=3, name="acme", tables=[table])])


def _system_attributes() -> list[Attribute]:
    return [
        Attribute(name="profileId", unique=True, mandatory=True, value_type="INTEGER"),
        Attribute(name="creationMoment", mandatory=True, value_type="TIMESTAMP"),
        Attribute(name="updateMoment", mandatory=True, value_type="TIMESTAMP"),
    ]


def _refuse_twins(what: str, names: list[str]) -> None:
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        raise ValueError(f"{what}: listed twice: {', '.join(twins)}")
