"""From the text of a variable to its value: each function raises `ValueError` with what it expected."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit, urlunsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MASK: Final = "********"
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
ROLES: Final = ("viewer", "operator", "admin")

_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})


class Address(NamedTuple):
    """Where the server listens; port 0 picks one."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Say whether only programs on the same machine can connect."""
        return self.host in LOOPBACK

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ApiToken:
    """Who may use the API and the console, and as what: viewer, operator or admin."""

    name: str
    role: str
    token: str = field(repr=False)


def text(value: str) -> str:
    """Return the text as it is."""
    return value


def folder(value: str) -> Path:
    """Return a path as it is; whether something is there shows when it is used."""
    return Path(value)


def address(value: str) -> Address:
    """Return `host:port`; a host with colons stands in brackets."""
    host, _, port = value.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    bracketed = host != bare
    if not bare or (":" in bare) is not bracketed or not port.isdecimal() or int(port) > 65535:
        raise ValueError("host:port, for example 127.0.0.1:8080 or [::1]:8080")
    return Address(bare, int(port))


def truth(value: str) -> bool:
    """Return true or false."""
    if value.casefold() in _TRUE | _FALSE:
        return value.casefold() in _TRUE
    raise ValueError("true or false")


def whole(value: str) -> int:
    """Return a whole number from 0."""
    if value.isdecimal() and value.isascii():
        return int(value)
    raise ValueError("a whole number, 0 or more")


def counted(value: str) -> int:
    """Return a whole number from 1."""
    if value.isdecimal() and value.isascii() and int(value) > 0:
        return int(value)
    raise ValueError("a whole number, 1 or more")


def span(value: str) -> float:
    """Return a length of time from 0, in the unit of its setting."""
    number = _number(value)
    if 0 <= number < float("inf"):
        return number
    raise ValueError("a number, 0 or more")


def positive_span(value: str) -> float:
    """Return a length of time above 0, in the unit of its setting."""
    number = _number(value)
    if 0 < number < float("inf"):
        return number
    raise ValueError("a number above 0")


def share(value: str) -> float:
    """Return a share above 0 and up to 1."""
    number = _number(value)
    if 0 < number <= 1:
        return number
    raise ValueError("a number above 0, at most 1")


def share_or_none(value: str) -> float:
    """Return a share from 0 to 1."""
    number = _number(value)
    if 0 <= number <= 1:
        return number
    raise ValueError("a number from 0 to 1")


def web_url(value: str) -> str:
    """Return an address of a platform without a slash at its end."""
    parts = _split(value)
    if parts is None or parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("an address that starts with https://")
    if parts.query or parts.fragment:
        raise ValueError("an address without `?` and `#`")
    if parts.username or parts.password:
        raise ValueError("an address without a user name and a password")
    return value.rstrip("/")


def web_urls(value: str) -> tuple[str, ...]:
    """Return addresses between commas; never repeats one in what it raises: it may hold a token."""
    urls = several(value)
    for number, url in enumerate(urls, 1):
        parts = _split(url)
        good = parts is not None and parts.scheme in {"https", "http"} and parts.hostname
        if parts is None or not good or parts.username or parts.password or parts.fragment:
            raise ValueError(
                "addresses that start with https://, without a user name, a password and `#`, "
                f"which entry {number} is not"
            )
    return urls


def signing_secrets(value: str) -> tuple[str, ...]:
    """Return secrets of Standard Webhooks: `whsec_` and the base64 of 24 to 64 bytes."""
    secrets = several(value)
    for number, secret in enumerate(secrets, 1):
        prefix, _, encoded = secret.partition("_")
        try:
            size = len(base64.b64decode(encoded, validate=True))
        except ValueError:
            size = 0
        if prefix != "whsec" or not 24 <= size <= 64:
            raise ValueError(
                f"whsec_ and the base64 of 24 to 64 bytes made by chance, which entry {number} is not"
            )
    return secrets


def database_url(value: str) -> str:
    """Return the address of a database."""
    parts = _split(value)
    if parts is not None and parts.scheme == "sqlite" and value.startswith("sqlite:///"):
        if value != "sqlite:///":
            return value
    elif (
        parts is not None
        and parts.scheme in {"postgresql", "postgres"}
        # A socket of this machine is named behind the question mark.
        and (parts.hostname or "host=" in parts.query)
        # The library would take the rest of such a password for the host, and name it in errors.
        and parts.netloc.count("@") < 2
    ):
        return value
    raise ValueError(
        "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE, with %40 for @, %2F for / "
        "and so on in the password"
    )


def several(value: str) -> tuple[str, ...]:
    """Return the values between commas, blanks around them removed, each once."""
    return tuple(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))


def api_tokens(value: str) -> tuple[ApiToken, ...]:
    """Return the tokens of `name:role:token`; never repeats a token in what it raises."""
    tokens: list[ApiToken] = []
    for number, part in enumerate(several(value), 1):
        name, _, rest = part.partition(":")
        role, _, token = rest.partition(":")
        if not name or not token:
            raise ValueError(f"name:role:token, which entry {number} is not")
        if role not in ROLES:
            raise ValueError(f"viewer, operator or admin as the role of entry {number}")
        tokens.append(ApiToken(name, role, token))
    if len({one.name for one in tokens}) < len(tokens):
        raise ValueError("a name of its own for each token")
    if len({one.token for one in tokens}) < len(tokens):
        raise ValueError("a different token for each name")
    return tuple(tokens)


def one_of(*words: str) -> Callable[[str], str]:
    """Return a parser that accepts these words in any letter case."""

    def parse(value: str) -> str:
        if value.casefold() in words:
            return value.casefold()
        raise ValueError(f"one of {', '.join(words)}")

    return parse


def time_zone(value: str) -> str:
    """Return the name of a time zone that this machine knows."""
    try:
        return ZoneInfo(value).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # From the outer error nothing is learned: three libraries say "not there" in three ways.
        raise ValueError("a time zone that this machine knows, such as Europe/Brussels") from None


def prefix(value: str) -> str:
    """Return a part of a path without slashes around it; may be empty."""
    part = value.strip("/")
    if part and not all(char.isalnum() or char in "-_./" for char in part):
        raise ValueError("letters, digits, `-`, `_`, `.` and `/`, or nothing")
    return part


def is_unencrypted(value: object) -> bool:
    """Say whether anyone on the way to one of these addresses can read what is sent there."""
    if isinstance(value, tuple):
        return any(is_unencrypted(one) for one in value)
    if not isinstance(value, str):
        return False
    parts = _split(value)
    if parts is None or not parts.hostname or parts.hostname in LOOPBACK:
        return False
    # PostgreSQL's library would encrypt where it can, and whoever stands in between says it cannot.
    silent = parts.scheme.startswith("postgres") and "sslmode=" not in parts.query
    return parts.scheme == "http" or silent


def without_password(url: str) -> str:
    """Return an address with its password masked; the whole is masked where it cannot be told."""
    parts = _split(url)
    if parts is None:
        return MASK
    query = MASK if "password" in parts.query.casefold() else parts.query
    user, at, host = parts.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    shown = f"{name}{colon}{MASK}{at}{host}" if colon else parts.netloc
    if shown == parts.netloc and query == parts.query:
        return url
    return urlunsplit(parts._replace(netloc=shown, query=query))


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return None if any(char.isspace() for char in url) else parts


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return float("nan")
