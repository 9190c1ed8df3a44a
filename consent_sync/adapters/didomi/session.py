"""Didomi's session token: opened with the API key, shared by all calls, renewed in time.

Page: "Authentication". Sessions last an hour and cannot be refreshed, only opened anew.
"""

import asyncio
from dataclasses import dataclass, field

import orjson
from yarl import URL

from consent_sync.adapters.didomi.pauses import Lane, Pauses
from consent_sync.adapters.http import HttpWall, json_object
from consent_sync.domain.errors import CredentialError, TemporaryError
from consent_sync.domain.moments import MINUTE, SECOND, Micros
from consent_sync.ports.clock import Clock

RENEW_AFTER = 50 * MINUTE
REFUSAL_REMEMBERED = 15 * SECOND
"""How long a refused key is not tried again: `/sessions` counts against a limit that all keys share."""


@dataclass(frozen=True, slots=True)
class DidomiSettings:
    """Where Didomi is and who we are there."""

    api_url: str
    api_key: str
    api_secret: str = field(repr=False)

    def base(self) -> URL:
        """Return the address that all paths are appended to."""
        return URL(self.api_url.rstrip("/"))


class DidomiSession:
    """One session token at a time; whoever needs it while it is being opened waits for that."""

    def __init__(
        self, wall: HttpWall, settings: DidomiSettings, clock: Clock, pauses: Pauses
    ) -> None:
        self._wall = wall
        self._settings = settings
        self._clock = clock
        self._pauses = pauses
        self._lock = asyncio.Lock()
        self._token = ""
        self._renew_at: Micros = 0
        self._refused_at: Micros = -REFUSAL_REMEMBERED

    async def token(self, refused: str = "") -> str:
        """Return a token that is not `refused`; raise CredentialError when the key is not accepted."""
        async with self._lock:
            if not self._token or self._token == refused or self._clock.now() >= self._renew_at:
                await self._open()
            return self._token

    async def _open(self) -> None:
        asked_at = self._clock.now()
        # A clock that was set back makes nothing last longer.
        if 0 <= asked_at - self._refused_at < REFUSAL_REMEMBERED:
            raise _wrong_key()
        await self._pauses.wait(Lane.OTHER)
        key, secret = self._settings.api_key, self._settings.api_secret
        try:
            answer = await self._wall.send(
                "POST",
                self._settings.base() / "sessions",
                headers={},
                body=orjson.dumps({"type": "api-key", "key": key, "secret": secret}),
                name="didomi.sessions",
                # The pages show 400 for a wrong key and name 401 for everything else.
                accept=frozenset({400, 401}),
            )
        except TemporaryError as error:
            if error.retry_after is not None:
                self._pauses.hold(Lane.OTHER, error.retry_after)
            raise
        self._pauses.heed(Lane.OTHER, answer.headers)
        if answer.status in (400, 401):
            self._token = ""
            self._refused_at = asked_at
            raise _wrong_key()
        token = json_object(answer, write=False).get("access_token")
        if not isinstance(token, str) or not _fits_a_header(token):
            raise TemporaryError("didomi.sessions: the answer holds no usable access_token")
        self._token, self._renew_at = token, asked_at + RENEW_AFTER


def _fits_a_header(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable()


def _wrong_key() -> CredentialError:
    return CredentialError("Didomi does not accept the API key and secret; check both")
