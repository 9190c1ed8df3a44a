"""Session tokens of `POST /sessions`, as the page "Authentication" describes them: they look like JWTs and expire."""

import base64
import random
from datetime import datetime, timedelta

import orjson

from consent_sync.simulators.didomi import dates
from consent_sync.simulators.didomi.errors import RefusalError
from consent_sync.simulators.didomi.organisation import Organisation
from consent_sync.simulators.didomi.switches import Switches

_MAX_SESSIONS = 1000


def _part(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


class Sessions:
    """Opens sessions for the organisation's API keys and knows which tokens are good."""

    def __init__(
        self,
        organisation: Organisation,
        switches: Switches,
        clock: dates.Clock,
        chance: random.Random,
    ) -> None:
        self._organisation = organisation
        self._switches = switches
        self._clock = clock
        self._chance = chance
        self._good_until: dict[str, datetime] = {}

    def open(self, key: object, secret: object) -> str:
        """Return a new token; raises RefusalError (400 or 401, as the switch says) for wrong credentials."""
        expected = self._organisation.api_keys.get(key) if isinstance(key, str) else None
        if expected is None or expected != secret:
            status = self._switches.wrong_credentials_status
            raise RefusalError(status, "Invalid authentication information")
        end = self._clock() + timedelta(seconds=self._switches.session_life_seconds)
        claims = {
            "organization_id": self._organisation.id,
            "exp": int(end.timestamp()),
            "jti": f"{self._chance.getrandbits(64):016x}",
        }
        token = ".".join(
            [
                _part(orjson.dumps({"alg": "HS256", "typ": "JWT"})),
                _part(orjson.dumps(claims)),
                _part(self._chance.randbytes(32)),
            ]
        )
        self._good_until[token] = end
        while len(self._good_until) > _MAX_SESSIONS:
            del self._good_until[next(iter(self._good_until))]
        return token

    def require(self, authorization: str) -> None:
        """Accept an `Authorization` header with a good token; raises RefusalError (401)."""
        scheme, _, token = authorization.partition(" ")
        end = self._good_until.get(token.strip()) if scheme.lower() == "bearer" else None
        if end is None or self._clock() >= end:
            raise RefusalError(401, "Invalid access token")

    def expire_all(self) -> int:
        """End every open session now; return how many there were."""
        count = len(self._good_until)
        self._good_until.clear()
        return count
