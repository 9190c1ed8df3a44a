"""Who may deliver and who may look: secrets, bearer tokens and API tokens, compared in constant time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256
from hmac import compare_digest
from ipaddress import ip_address
from typing import Final

from aiohttp import hdrs, web
from multidict import CIMultiDictProxy

from consent_sync.web.oauth import Tokens
from consent_sync.web.problems import Problem

SECRET_HEADER: Final = "X-Webhook-Secret"

_FORWARDED: Final = (
    hdrs.FORWARDED,
    hdrs.X_FORWARDED_FOR,
    hdrs.X_FORWARDED_HOST,
    hdrs.VIA,
    "X-Real-IP",
)


class Role(IntEnum):
    """What an API token may do; each role may do all that the lower ones may."""

    VIEWER = 1
    OPERATOR = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class ApiToken:
    """One token of one person or program."""

    name: str
    role: Role
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keys:
    """What opens a side's webhook for one account (empty: the plain one)."""

    account: str
    secrets: tuple[str, ...] = field(default=(), repr=False)
    tokens: Tokens | None = None


class Lock:
    """What a side's webhook asks of its sender: one of its secrets, or a token we issued."""

    def __init__(self, keys: Sequence[Keys], *, optional: bool = False) -> None:
        self._secrets = tuple(
            (_bytes(secret), one.account) for one in keys for secret in one.secrets if secret
        )
        self._tokens = tuple((one.tokens, one.account) for one in keys if one.tokens is not None)
        self._several = len({one.account for one in keys}) > 1
        self._open = optional and not self._secrets and not self._tokens
        self.configured = bool(self._secrets or self._tokens or self._open)

    def require(self, headers: CIMultiDictProxy[str]) -> frozenset[str] | None:
        """Return the accounts that the sender is known for, None for all of them.

        Raises Problem: 503 without any configuration, 401 for a wrong or missing secret.
        """
        if not self.configured:
            raise Problem(
                "side-not-configured", "The operator has to set a secret for this webhook."
            )
        if self._open:
            return None
        accounts = self._accounts(headers)
        if not accounts:
            raise self.refusal()
        return frozenset(accounts) if self._several else None

    def refusal(self) -> Problem:
        """Return the problem for a secret or token that does not open this webhook."""
        means = [f"the header {SECRET_HEADER}"] if self._secrets else []
        means += ["a bearer token from /oauth/token"] if self._tokens else []
        return Problem(
            "bad-secret",
            f"Expected {' or '.join(means)}.",
            headers={hdrs.WWW_AUTHENTICATE: "Bearer"} if self._tokens else {},
        )

    def _accounts(self, headers: CIMultiDictProxy[str]) -> set[str]:
        given, found = _bytes(headers.get(SECRET_HEADER, "")), set()
        # All are compared, so that the time does not tell which one nearly matched.
        for secret, account in self._secrets:
            if compare_digest(given, secret):
                found.add(account)
        if not found and self._tokens and (bearer := bearer_token(headers)):
            found.update(account for tokens, account in self._tokens if tokens.valid(bearer))
        return found


class ApiGate:
    """Lets people and programs look: by API token, or from this machine where there are none."""

    def __init__(self, tokens: Sequence[ApiToken]) -> None:
        self._tokens = tuple((sha256(_bytes(one.token)).digest(), one) for one in tokens)

    def require(self, request: web.Request, role: Role) -> str:
        """Return the caller's name; raise Problem 401 or 403 when the caller may not do this."""
        if not self._tokens:
            if not from_this_machine(request):
                raise Problem(
                    "local-only", "Set CONSENT_SYNC_API_TOKENS to be answered from elsewhere."
                )
            return "local"
        given = sha256(_bytes(bearer_token(request.headers))).digest()
        # All are compared, so that the time does not tell which one nearly matched.
        found = [one for digest, one in self._tokens if compare_digest(digest, given)]
        if not found:
            challenge = {hdrs.WWW_AUTHENTICATE: "Bearer"}
            raise Problem("bad-api-token", "Expected a bearer token.", headers=challenge)
        if found[0].role < role:
            raise Problem("role-too-low", f"This needs the role {role.name.lower()}.")
        return found[0].name


def bearer_token(headers: CIMultiDictProxy[str]) -> str:
    """Return the bearer token of a request, empty when it has none."""
    scheme, _, token = headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def from_this_machine(request: web.Request) -> bool:
    """Say whether the peer is this machine, without a proxy in between as far as that shows.

    A foreign page can point a name of its own at 127.0.0.1, so the name asked for counts too.
    """
    if any(name in request.headers for name in _FORWARDED):
        return False
    return _is_loopback(_peer(request)) and _is_loopback(_named_host(request))


def _peer(request: web.Request) -> str:
    transport = request.transport
    peer = transport.get_extra_info("peername") if transport is not None else None
    return str(peer[0]) if isinstance(peer, tuple) else ""


def _named_host(request: web.Request) -> str:
    host = request.headers.get(hdrs.HOST, "")
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _bytes(text: str) -> bytes:
    # Header bytes that are no UTF-8 arrive as surrogates; they only have to compare as different.
    return text.encode("utf-8", "surrogateescape")
