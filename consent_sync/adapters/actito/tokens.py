"""One access token per key, fetched by one caller for all (page "API Key / Bearer tokens")."""

import asyncio
import re
from collections.abc import Awaitable, Callable

from consent_sync.adapters.http import Answer, json_object
from consent_sync.domain.errors import CredentialError, PermanentError, TemporaryError
from consent_sync.domain.moments import SECOND, Micros
from consent_sync.ports.clock import Clock

_LIFETIME_SECONDS = 900
# 12 of the 15 minutes that a token lives.
_USED_SHARE = 0.8
# Everybody waiting would otherwise show a key that was just refused once more.
_REFUSED_SECONDS = 5


class Tokens:
    """The current token of one key. A new token may end the old one, so there is never a second."""

    def __init__(self, fetch: Callable[[bool], Awaitable[Answer]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token = ""
        self._refused = ""
        # When the token or the refusal came, and until when it stands.
        self._since: Micros = 0
        self._until: Micros = 0

    async def get(self, *, urgent: bool) -> str:
        """Return a token that should work; raise CredentialError when the key is refused."""
        if token := self._standing():
            return token
        async with self._lock:
            # Somebody else may have fetched it while this call waited.
            if token := self._standing():
                return token
            try:
                answer = await self._fetch(urgent)
            except (CredentialError, PermanentError) as error:
                self._refused = f"Actito gives no token for our key: {error}"
                self._stands_for(_REFUSED_SECONDS)
                raise CredentialError(self._refused) from None
            self._keep(answer)
            return self._token

    def _standing(self) -> str:
        """Return the token while it stands, else nothing; raise CredentialError for a refusal."""
        # A clock that was set back makes nothing last longer.
        if not self._since <= self._clock.now() < self._until:
            return ""
        if self._refused:
            raise CredentialError(self._refused)
        return self._token

    @property
    def current(self) -> str:
        """The token in use; empty when there is none."""
        return self._token

    def drop(self, token: str) -> None:
        """Forget this token, unless it has been replaced already."""
        if token == self._token:
            self._token = ""

    def _keep(self, answer: Answer) -> None:
        value = json_object(answer, write=False)
        token = value.get("accessToken")
        if not isinstance(token, str) or not re.fullmatch(r"[!-~]+", token):
            raise TemporaryError("actito token: the answer holds no token")
        self._token = token
        self._refused = ""
        self._stands_for(_lifetime_seconds(value.get("expiresIn")) * _USED_SHARE)

    def _stands_for(self, seconds: float) -> None:
        self._since = self._clock.now()
        self._until = self._since + round(seconds * SECOND)


def _lifetime_seconds(said: object) -> int:
    """Read `900s`, `900` or 900; anything else means the documented 15 minutes."""
    found = re.fullmatch(r"\s*(\d{1,6})\s*s?\s*", str(said))
    return int(found[1]) if found else _LIFETIME_SECONDS
