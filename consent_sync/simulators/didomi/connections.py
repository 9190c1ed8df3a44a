"""Where webhooks go: the address, its static headers, and the token address of a receiver that wants OAuth."""

import base64
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote

import aiohttp
from pydantic import BaseModel, ConfigDict, ValidationError

from consent_sync.simulators.didomi.switches import Switches
from consent_sync.simulators.didomi.wire import JsonObject


class OAuth(BaseModel):
    """Client credentials for the receiver's token address, as the console asks for them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token_url: str
    client_id: str
    client_secret: str
    grant_type: Literal["client_credentials"] = "client_credentials"
    scope: str | None = None
    headers: dict[str, str] = {}
    """Extra headers of the token request."""


class _Answer(BaseModel):
    access_token: str
    expires_in: float | None = None


class TokenRefusedError(Exception):
    """The receiver's token address gave no token."""


@dataclass(slots=True)
class Connection:
    """One registered webhook."""

    id: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    oauth: OAuth | None = None
    event_types: tuple[str, ...] = ()
    """Types to send; empty means all."""
    token: str | None = None
    token_until: float = 0.0

    def describe(self) -> JsonObject:
        """Return the registration as the API shows it, without secrets."""
        shown: JsonObject = {
            "id": self.id,
            "type_id": "webhook-http",
            "enabled": True,
            "properties": {
                "url": self.url,
                "headers": dict.fromkeys(self.headers, "***"),
                "event_types": list(self.event_types),
            },
            "authentication": {},
        }
        if self.oauth is not None:
            shown["authentication"] = {
                "token_url": self.oauth.token_url,
                "client_id": self.oauth.client_id,
                "grant_type": self.oauth.grant_type,
                "scope": self.oauth.scope,
            }
        return shown

    async def authentication(
        self, http: aiohttp.ClientSession, switches: Switches, now: float
    ) -> dict[str, str]:
        """Return the headers that a delivery carries; raises TokenRefusedError, ClientError or TimeoutError."""
        if switches.webhook_auth == "none":
            return {}
        if switches.webhook_auth == "static_header" or self.oauth is None:
            return dict(self.headers)
        if self.token is None or now >= self.token_until or switches.oauth_token == "per_call":
            answer = await _fetch_token(http, self.oauth, switches)
            self.token = answer.access_token
            self.token_until = now + (3600 if answer.expires_in is None else answer.expires_in)
        return {**self.headers, "Authorization": f"Bearer {self.token}"}


async def _fetch_token(http: aiohttp.ClientSession, oauth: OAuth, switches: Switches) -> _Answer:
    form: dict[str, str] = {"grant_type": oauth.grant_type}
    if oauth.scope is not None:
        form["scope"] = oauth.scope
    headers = dict(oauth.headers)
    if switches.oauth_client_auth == "basic":
        headers["Authorization"] = _basic(oauth)
    else:
        form |= {"client_id": oauth.client_id, "client_secret": oauth.client_secret}
    timeout = aiohttp.ClientTimeout(total=switches.webhook_timeout_seconds)
    async with http.post(oauth.token_url, data=form, headers=headers, timeout=timeout) as response:
        if not response.ok:
            raise TokenRefusedError(f"token address answered {response.status}")
        try:
            return _Answer.model_validate_json(await response.read())
        except ValidationError as error:
            raise TokenRefusedError("token address answered without an access_token") from error


def _basic(oauth: OAuth) -> str:
    # RFC 6749, 2.3.1: both parts are form-encoded before they are joined.
    pair = f"{quote(oauth.client_id, safe='')}:{quote(oauth.client_secret, safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
