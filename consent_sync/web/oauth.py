"""The tokens we issue to Didomi for its webhook: client credentials in, a short-lived bearer out.

RFC 6749 sections 2.3.1, 4.4 and 5. Why PyJWT: docs/decisions/0008-pyjwt.md.
"""

import binascii
import hmac
from base64 import b64decode
from collections.abc import Sequence
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qs, unquote_plus

import jwt
import orjson
from aiohttp import hdrs, web

from consent_sync.domain.moments import SECOND
from consent_sync.ports.clock import Clock
from consent_sync.web.bodies import Arrived, read_body
from consent_sync.web.problems import Problem

LIFETIME_SECONDS: Final = 3600
MAX_TOKEN_REQUEST: Final = 16 * 1024

_ALGORITHM: Final = "HS256"
_ISSUER: Final = "consent-sync"
_AUDIENCE: Final = "didomi-webhook"
_REMEMBERED: Final = 64


class Tokens:
    """Issues and checks bearer tokens for one client, without keeping any state that matters."""

    def __init__(self, client_id: str, client_secret: str, clock: Clock) -> None:
        self._id = client_id
        self._secret = client_secret
        self._clock = clock
        # Derived, so that a token in wrong hands is no oracle for the client secret's own uses.
        self.key = hmac.digest(
            client_secret.encode(), b"consent-sync bearer " + client_id.encode(), "sha256"
        )
        self._verified: dict[str, int] = {}

    def knows(self, client_id: str, client_secret: str) -> bool:
        """Say whether these are the client's credentials, in a time that does not tell how near."""
        right_id = hmac.compare_digest(_hash(client_id), _hash(self._id))
        right_secret = hmac.compare_digest(_hash(client_secret), _hash(self._secret))
        return right_id and right_secret

    def issue(self) -> str:
        """Return a new token, valid for an hour."""
        now = self._seconds()
        claims = {"iss": _ISSUER, "aud": _AUDIENCE, "sub": self._id, "iat": now}
        return jwt.encode({**claims, "exp": now + LIFETIME_SECONDS}, self.key, algorithm=_ALGORITHM)

    def valid(self, token: str) -> bool:
        """Say whether we issued this token and it has not expired."""
        expires = self._verified.get(token)
        if expires is None:
            expires = self._verify(token)
            if expires is None:
                return False
            if len(self._verified) >= _REMEMBERED:
                self._verified.pop(next(iter(self._verified)))
            self._verified[token] = expires
        return self._seconds() < expires

    @property
    def remembered(self) -> int:
        """How many tokens need no second check of their signature."""
        return len(self._verified)

    def _verify(self, token: str) -> int | None:
        try:
            claims = jwt.decode(
                token,
                self.key,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                issuer=_ISSUER,
                # The moment is compared above, by the clock that is handed in.
                options={
                    "require": ["exp", "iss", "aud", "sub"],
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidTokenError:
            return None
        expires = claims["exp"]
        return expires if isinstance(expires, int) and claims["sub"] == self._id else None

    def _seconds(self) -> int:
        return self._clock.now() // SECOND


async def answer_token_request(request: web.Request, clients: Sequence[Tokens]) -> web.Response:
    """Answer `POST /oauth/token`; raise Problem 400, 401 or 404 with the RFC's `error` word."""
    if not clients:
        raise Problem(
            "oauth-not-configured", "No client credentials are set for the Didomi webhook."
        )
    form = _form(await read_body(request, MAX_TOKEN_REQUEST, Arrived()))
    client = _client(_credentials(request, form), clients)
    if client is None:
        raise Problem(
            "bad-client",
            "Expected client_id and client_secret in the form body or as Basic.",
            headers={hdrs.WWW_AUTHENTICATE: 'Basic realm="consent-sync"'},
            extra={"error": "invalid_client"},
        )
    if form.get("grant_type") != "client_credentials":
        code, error = "unsupported-grant-type", "unsupported_grant_type"
        if "grant_type" not in form:
            code, error = "bad-token-request", "invalid_request"
        raise Problem(code, "Expected grant_type=client_credentials.", extra={"error": error})
    answer = {
        "access_token": client.issue(),
        "token_type": "Bearer",
        "expires_in": LIFETIME_SECONDS,
    }
    return web.Response(
        body=orjson.dumps(answer),
        content_type="application/json",
        headers={hdrs.CACHE_CONTROL: "no-store"},
    )


def _client(pairs: Sequence[tuple[str, str]], clients: Sequence[Tokens]) -> Tokens | None:
    known = [one for one in clients for pair in pairs if one.knows(*pair)]
    return known[0] if known else None


def _form(body: bytes) -> dict[str, str]:
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise Problem(
            "bad-token-request", "Expected a form body.", extra={"error": "invalid_request"}
        ) from None
    if any(len(values) > 1 for values in fields.values()):
        raise Problem(
            "bad-token-request", "A field stands there twice.", extra={"error": "invalid_request"}
        )
    return {name: values[0] for name, values in fields.items()}


def _credentials(request: web.Request, form: dict[str, str]) -> list[tuple[str, str]]:
    scheme, _, basic = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() != "basic":
        return [(form.get("client_id", ""), form.get("client_secret", ""))]
    try:
        client, _, secret = b64decode(basic.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return []
    # The RFC wants both parts form-encoded inside Basic; many clients leave that out.
    return [(client, secret), (unquote_plus(client), unquote_plus(secret))]


def _hash(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogateescape")).digest()
