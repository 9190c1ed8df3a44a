"""How variables become values: where each comes from, what is wrong with it, how it is shown."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Final, NamedTuple

from consent_sync.app.setting_kinds import (
    MASK,
    ApiToken,
    is_unencrypted,
    several,
    without_password,
)
from consent_sync.domain.errors import RefusedError

PREFIX: Final = "CONSENT_SYNC_"
SHORT_SECRET: Final = 16
"""A secret with fewer characters can be guessed; it is used, with a warning."""

_SHOWN: Final = 80


class Origin(StrEnum):
    """Where a value comes from; the first of these that has it wins."""

    ENVIRONMENT = "environment"
    DOTENV = ".env"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Spec:
    """One setting: its default as text, how it is read, and its name without `CONSENT_SYNC_`.

    The name is that of the field it belongs to. `unset` is the value where there is neither a text nor a default; `default_words` describes a
    default that is no text. A setting of a platform can be given for each account.
    """

    default: str
    parse: Callable[[str], object]
    meaning: str
    name: str = ""
    unset: object = ""
    default_words: str = ""
    secret: bool = False
    required: bool = False
    may_be_empty: bool = False

    @property
    def variable(self) -> str:
        """Return the name of the variable."""
        return PREFIX + self.name

    @property
    def per_account(self) -> bool:
        """Say whether each account may have its own."""
        return self.name.startswith(("DIDOMI_", "ACTITO_"))

    def shown(self, text: str) -> str:
        """Return a text of this setting as it may be printed."""
        if not text:
            return self.default_words
        if self.name == "API_TOKENS":
            return ",".join(_shown_token(part) for part in several(text))
        if self.secret:
            return ",".join(MASK for _ in several(text))
        if self.name.endswith("_URL"):
            return without_password(text)[:_SHOWN]
        return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


class Entry(NamedTuple):
    """A setting as it was found: the variable that gave it, the text, and where that stood."""

    spec: Spec
    variable: str
    text: str
    origin: Origin

    def __repr__(self) -> str:
        return f"{self.variable}={self.spec.shown(self.text)!r} ({self.origin})"


class SettingProblem(NamedTuple):
    """What is wrong with a variable, or only odd; never holds a secret."""

    variable: str
    found: str
    expected: str
    nearest: str = ""

    def __str__(self) -> str:
        hint = f"; did you mean {self.nearest}?" if self.nearest else ""
        return f"{self.variable}: found {self.found}, expected {self.expected}{hint}"


class SettingsError(RefusedError):
    """The settings do not allow a start; `problems` are all of them. The exit code is 78."""

    def __init__(self, problems: Iterable[SettingProblem]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"the settings are wrong:\n{lines}", code="settings-refused")


class Variables:
    """The variables of the environment and of a `.env` file, the first before the second."""

    def __init__(
        self, environment: Mapping[str, str], dotenv: Mapping[str, str | None] | None = None
    ) -> None:
        self._sources = (
            (Origin.ENVIRONMENT, dict(environment)),
            (Origin.DOTENV, {k: v for k, v in (dotenv or {}).items() if v is not None}),
        )

    def ours(self) -> list[str]:
        """Return the names that start with `CONSENT_SYNC_`, in order."""
        names = {name for _, source in self._sources for name in source}
        return sorted(name for name in names if name.startswith(PREFIX))

    def entry(self, spec: Spec, variable: str = "") -> Entry:
        """Return what a setting was given; a text of blanks counts as the default."""
        name = variable or spec.variable
        for origin, source in self._sources:
            if name in source:
                text = source[name].strip()
                if text or spec.may_be_empty:
                    return Entry(spec, name, text, origin)
                break
        return Entry(spec, name, spec.default, Origin.DEFAULT)


def parsed(entry: Entry, problems: list[SettingProblem]) -> object:
    """Return the value of an entry; where there is none, note why."""
    spec = entry.spec
    if not entry.text and not spec.may_be_empty:
        if spec.required:
            problems.append(SettingProblem(entry.variable, "nothing", spec.meaning))
        return spec.unset
    try:
        return spec.parse(entry.text)
    except ValueError as error:
        found = f"`{spec.shown(entry.text)}`"
        problems.append(SettingProblem(entry.variable, found, str(error)))
        return spec.unset


def account_of(variable: str, specs: Iterable[Spec]) -> tuple[str, Spec] | None:
    """Return the account and the setting behind `CONSENT_SYNC_<ACCOUNT>_<SETTING>`, or None."""
    for spec in specs:
        account = variable.removeprefix(PREFIX).removesuffix(f"_{spec.name}")
        if spec.per_account and variable == f"{PREFIX}{account}_{spec.name}" and account.strip("_"):
            return account, spec
    return None


def account_key(account: str) -> str:
    """Return the part of a variable's name that stands for an account: `brand-a` is `BRAND_A`."""
    return account.upper().replace("-", "_")


def unknown(variable: str, specs: Iterable[Spec]) -> SettingProblem:
    """Return the warning about a variable that is no setting."""
    known = [spec.name for spec in specs]
    # Without the beginning, which all names share and which would make them all alike.
    nearest = get_close_matches(variable.removeprefix(PREFIX).upper(), known, n=1)
    found = "a variable that is no setting"
    hint = PREFIX + nearest[0] if nearest else ""
    return SettingProblem(variable, found, "a known name", hint)


def oddities(entry: Entry, value: object) -> Iterator[SettingProblem]:
    """Yield warnings about a value that is usable and probably not meant."""
    if entry.spec.secret and any(len(one) < SHORT_SECRET for one in _secrets(value)):
        found = f"a secret shorter than {SHORT_SECRET} characters"
        yield SettingProblem(entry.variable, found, "a longer one, made by chance")
    if is_unencrypted(value):
        expected = "https://, or sslmode=verify-full for PostgreSQL, except on this machine"
        yield SettingProblem(entry.variable, "an address without encryption", expected)


def _secrets(value: object) -> list[str]:
    if isinstance(value, tuple):
        return [one.token if isinstance(one, ApiToken) else str(one) for one in value]
    return [str(value)] if value else []


def _shown_token(part: str) -> str:
    name, colon, rest = part.partition(":")
    role, second, _ = rest.partition(":")
    # What has another form than name:role:token may be a bare secret.
    return f"{name}:{role}:{MASK}" if colon and second else MASK
