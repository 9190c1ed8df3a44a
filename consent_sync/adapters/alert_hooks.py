"""Alerts as webhooks, signed as Standard Webhooks asks (https://www.standardwebhooks.com)."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import aiohttp
import orjson
from standardwebhooks import Webhook
from yarl import URL

from consent_sync.adapters.http import HttpWall, Observer
from consent_sync.domain.moments import SECOND, Micros
from consent_sync.ports.clock import Clock
from consent_sync.ports.messenger import Message

ROUTE: Final = "alert webhook"
CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 10.0


class AlertHooks:
    """Posts to every address; signed with each secret, so that one can be changed without a gap."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        urls: Sequence[str],
        secrets: Sequence[str],
        clock: Clock,
        observer: Observer | None = None,
    ) -> None:
        self._wall = HttpWall(
            session, connect_seconds=CONNECT_SECONDS, read_seconds=READ_SECONDS, observer=observer
        )
        # By a hash: an address may carry a token of its receiver.
        self._urls = {hashlib.sha256(url.encode()).hexdigest()[:8]: URL(url) for url in urls}
        self._signers = [Webhook(secret) for secret in secrets]
        self._clock = clock

    @property
    def receivers(self) -> Sequence[str]:
        """Return the first 8 hex digits of the SHA-256 of each address."""
        return tuple(self._urls)

    async def tell(self, receiver: str, message: Message) -> None:
        """Post a message; raise what `HttpWall.send` raises for anything but a 2xx answer."""
        body = payload(message)
        # In whole seconds, as they are signed.
        now = _moment(self._clock.now() // SECOND * SECOND)
        signatures = [one.sign(message.id, now, body.decode()) for one in self._signers]
        await self._wall.send(
            "POST",
            self._urls[receiver],
            headers={
                "webhook-id": message.id,
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": " ".join(signatures),
            },
            body=body,
            name=ROUTE,
        )


def payload(message: Message) -> bytes:
    """Return the body of a message; its keys are a promise to receivers."""
    alert = message.alert
    return orjson.dumps(
        {
            "type": "alert.raised" if alert.raised else "alert.cleared",
            "timestamp": _iso(alert.at),
            "data": {"alert": alert.name, "about": alert.about, "detail": alert.detail},
        }
    )


def _iso(at: Micros) -> str:
    return _moment(at).isoformat().replace("+00:00", "Z")


def _moment(at: Micros) -> datetime:
    return datetime.fromtimestamp(at / SECOND, UTC)
