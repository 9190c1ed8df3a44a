"""Reads the settings of one process; docs/reference/settings.md explains them to people.

Nothing is read when this module is imported: the variables are handed in.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple, get_origin, get_type_hints

from consent_sync.app.setting_kinds import Address, ApiToken
from consent_sync.app.setting_list import Declared
from consent_sync.app.setting_reading import (
    Entry,
    Origin,
    SettingProblem,
    SettingsError,
    Spec,
    Variables,
    account_key,
    account_of,
    oddities,
    parsed,
    unknown,
)

__all__ = [
    "Address",
    "ApiToken",
    "Origin",
    "Row",
    "SettingProblem",
    "Settings",
    "SettingsError",
    "one_setting",
    "rows_of",
    "specs",
]


class Row(NamedTuple):
    """A setting as `consent-sync settings` prints it: secrets masked."""

    name: str
    value: str
    origin: str
    meaning: str


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class Settings(Declared):
    """The settings of one process; `warnings` tell what is odd in them."""

    warnings: tuple[SettingProblem, ...] = ()
    entries: tuple[Entry, ...] = ()
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def from_variables(
        cls, variables: Mapping[str, str], dotenv: Mapping[str, str | None] | None = None
    ) -> "Settings":
        """Return the settings; raises `SettingsError` with everything that is wrong.

        `variables` is the environment, `dotenv` what a `.env` file says; the first wins.
        """
        given = Variables(variables, dotenv)
        entries, warnings = _entries(given)
        problems: list[SettingProblem] = []
        plain: dict[str, Any] = {}
        overrides: dict[str, dict[str, Any]] = {}
        for account, entry in entries:
            value = parsed(entry, problems)
            target = overrides.setdefault(account, {}) if account else plain
            target[entry.spec.name.lower()] = value
            warnings += oddities(entry, value)
        problems += _pairs("", plain)
        for account, values in overrides.items():
            problems += _pairs(f"{account}_", plain | values, values)
        if problems:
            raise SettingsError(problems)
        if plain["allow_unauthenticated"]:
            warnings.append(_ANYONE)
        found = tuple(entry for _, entry in entries)
        return cls(**plain, warnings=tuple(warnings), entries=found, overrides=overrides)

    @property
    def accounts(self) -> tuple[str, ...]:
        """Return the accounts that have variables of their own, as the variables spell them."""
        return tuple(sorted(self.overrides))

    def account(self, name: str) -> "Settings":
        """Return the settings that hold for an account; an empty name is the plain account."""
        return dataclasses.replace(self, **self.overrides.get(account_key(name), {}))

    def rows(self) -> tuple[Row, ...]:
        """Return every setting with its value, secrets masked, its origin and its meaning."""
        return tuple(_row(entry) for entry in self.entries)

    def __repr__(self) -> str:
        values = ", ".join(f"{row.name}={row.value!r}" for row in self.rows())
        return f"Settings({values})"


_ANYONE = SettingProblem(
    "CONSENT_SYNC_ALLOW_UNAUTHENTICATED",
    "true: anyone may send to a webhook that has no secret",
    "false outside of trials",
)

_TOGETHER = (
    ("DIDOMI_API_KEY", "DIDOMI_API_SECRET"),
    ("DIDOMI_WEBHOOK_CLIENT_ID", "DIDOMI_WEBHOOK_CLIENT_SECRET"),
    ("ALERT_WEBHOOK_URLS", "ALERT_WEBHOOK_SECRETS"),
)


def specs() -> tuple[Spec, ...]:
    """Return every setting in the order of the documentation."""
    hints = get_type_hints(Settings, include_extras=True)
    found = {name: hint.__metadata__[0] for name, hint in hints.items() if _is_declared(hint)}
    return tuple(dataclasses.replace(spec, name=name.upper()) for name, spec in found.items())


def _is_declared(hint: object) -> bool:
    return get_origin(hint) is Annotated


def rows_of(
    variables: Mapping[str, str], dotenv: Mapping[str, str | None] | None = None
) -> tuple[Row, ...]:
    """Return what `Settings.rows` does, also where the settings do not allow a start."""
    return tuple(_row(entry) for _, entry in _entries(Variables(variables, dotenv))[0])


def _row(entry: Entry) -> Row:
    spec = entry.spec
    return Row(entry.variable, spec.shown(entry.text), entry.origin.value, spec.meaning)


def one_setting(
    name: str, variables: Mapping[str, str], dotenv: Mapping[str, str | None] | None = None
) -> str:
    """Return the text of one setting, such as `MAPPINGS_DIR`, without looking at the others."""
    spec = next(spec for spec in specs() if spec.name == name)
    return Variables(variables, dotenv).entry(spec).text


def _entries(given: Variables) -> tuple[list[tuple[str, Entry]], list[SettingProblem]]:
    """Return the entries of the plain account (named "") and of all others, and what is unknown."""
    declared = specs()
    entries = [("", given.entry(spec)) for spec in declared]
    known = {spec.variable for spec in declared}
    strange = []
    for variable in given.ours():
        if variable in known:
            continue
        owner = account_of(variable, declared)
        if owner is None:
            strange.append(unknown(variable, declared))
        elif (entry := given.entry(owner[1], variable)).origin is not Origin.DEFAULT:
            entries.append((owner[0], entry))
    return entries, strange


def _pairs(
    prefix: str, values: Mapping[str, Any], own: Mapping[str, Any] | None = None
) -> list[SettingProblem]:
    """Return what is wrong between two settings of an account that has at least one of its own."""
    own = values if own is None else own
    problems = []
    for pair in _TOGETHER:
        empty = [name for name in pair if not values[name.lower()]]
        if len(empty) == 1 and any(name.lower() in own for name in pair):
            other = next(name for name in pair if name not in empty)
            expected = f"a value, because CONSENT_SYNC_{prefix}{other} has one"
            problems.append(SettingProblem(f"CONSENT_SYNC_{prefix}{empty[0]}", "nothing", expected))
    if not prefix:
        problems += _lives(values)
    first, most = values["retry_first_delay_seconds"], values["retry_max_delay_seconds"]
    if not prefix and first and most and first > most:
        expected = "at most CONSENT_SYNC_RETRY_MAX_DELAY_SECONDS"
        found = f"`{first:g}` with a longest wait of `{most:g}`"
        problems.append(SettingProblem("CONSENT_SYNC_RETRY_FIRST_DELAY_SECONDS", found, expected))
    return problems


def _lives(values: Mapping[str, Any]) -> list[SettingProblem]:
    """Return what is wrong between the times that things are kept: names are the last to go."""
    life = values["keep_identifiers_days"]
    others = [values["keep_contents_days"], values["keep_timelines_days"]]
    if not all(isinstance(one, float) for one in (life, *others)):
        # What cannot be read is told elsewhere.
        return []
    if not life or all(other and other <= life for other in others):
        return []
    found = f"`{life:g}` with `{others[0]:g}` for contents and `{others[1]:g}` for timelines"
    expected = (
        "CONSENT_SYNC_KEEP_CONTENTS_DAYS and CONSENT_SYNC_KEEP_TIMELINES_DAYS set, and not longer"
    )
    return [SettingProblem("CONSENT_SYNC_KEEP_IDENTIFIERS_DAYS", found, expected)]
