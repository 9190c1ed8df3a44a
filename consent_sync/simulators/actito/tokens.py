"""Access tokens: 15 minutes by default, as the page "API Key / Bearer tokens" says; texts are visibly invented."""

import random
import uuid

from pydantic import JsonValue

from consent_sync.simulators.actito.refusal import RefusalError
from consent_sync.simulators.actito.switches import Switches

_MOST = 10_000


class Tokens:
    """Gives tokens for known API keys and checks them; moments are seconds since 1970."""

    def __init__(self, api_keys: frozenset[str], switches: Switches, rng: random.Random) -> None:
        self._keys = api_keys
        self._switches = switches
        self._rng = rng
        self._ends: dict[str, float] = {}
        self._calls = 0

    def issue(self, authorization: str, now: float) -> dict[str, JsonValue]:
        """Answer a bare API key with a token; raises RefusalError 401 for anything else."""
        if authorization not in self._keys:
            raise RefusalError(401, "the Authorization header is not a known bare API key")
        if self._switches.new_token_kills_old or len(self._ends) >= _MOST:
            self._ends.clear()
        number = uuid.UUID(int=self._rng.getrandbits(128), version=4)
        token = f"fake.{number.hex}.signature"
        life = self._switches.token_seconds
        self._ends[token] = now + life
        shown = int(life) if life == int(life) else life
        return {
            "accessToken": token,
            "tokenType": "bearer",
            "expiresIn": f"{shown}s" if self._switches.expires_in == "text" else shown,
            "scope": "read write",
            "jti": str(number),
        }

    def check(self, authorization: str, now: float) -> None:
        """Accept a living bearer token; raises RefusalError 401."""
        scheme, _, token = authorization.partition(" ")
        end = self._ends.get(token)
        if scheme.lower() != "bearer" or end is None or now >= end:
            raise RefusalError(401, "the bearer token is missing, unknown or expired")
        every = self._switches.unauthorized_every
        if every:
            self._calls += 1
            if self._calls % every == 0:
                self.revoke()
                raise RefusalError(401, "the bearer token was ended by switch")

    def revoke(self) -> int:
        """End every token; return how many there were."""
        count = len(self._ends)
        self._ends.clear()
        return count
