"""The door of a server that owns the database: its own webhook addresses, on this machine."""

from collections.abc import Mapping as MappingView
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from yarl import URL

from consent_sync.adapters.http import HttpWall, json_object
from consent_sync.domain.errors import TemporaryError
from consent_sync.domain.mapping import Mapping

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class DoorKeys:
    """What opens the webhooks of one account: a secret per side, or Didomi's client credentials.

    `api_token` is an admin's, for what no platform sends.
    """

    didomi_secret: str = ""
    actito_secret: str = ""
    client_id: str = ""
    client_secret: str = ""
    api_token: str = ""


class ServedDoor:
    """Posts what was found as the platform would have done (ports.door.Door).

    Raises CredentialError when the server refuses the keys, PermanentError, TemporaryError, or
    UnclearError: then it may have been taken in, and doing it again does no harm.
    """

    def __init__(self, wall: HttpWall, base: URL, keys: MappingView[str, DoorKeys]) -> None:
        self._wall = wall
        self._base = base
        self._keys = keys

    async def didomi(self, mapping: Mapping, bodies: Sequence[bytes]) -> int:
        """Take in Didomi's events for all mappings of the same account."""
        keys = self._keys_of(mapping)
        headers = {"X-Webhook-Secret": keys.didomi_secret} if keys.didomi_secret else {}
        if not headers and keys.client_id:
            headers = {"Authorization": f"Bearer {await self._token(keys)}"}
        return await self._post("webhooks/didomi", headers, bodies)

    async def actito(self, mapping: Mapping, bodies: Sequence[bytes]) -> int:
        """Take in webhooks of this mapping's profile table."""
        secret = self._keys_of(mapping).actito_secret
        headers = {"X-Webhook-Secret": secret} if secret else {}
        return await self._post(f"webhooks/actito/{mapping.name}", headers, bodies)

    async def file(self, mapping: Mapping, bodies: Sequence[bytes]) -> int:
        """Take in rows of a loaded file."""
        token = self._keys_of(mapping).api_token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await self._post(f"api/v1/choices/{mapping.name}", headers, bodies)

    def _keys_of(self, mapping: Mapping) -> DoorKeys:
        return self._keys.get(mapping.name, DoorKeys())

    async def _post(self, path: str, headers: dict[str, str], bodies: Sequence[bytes]) -> int:
        answer = await self._wall.send(
            "POST",
            self._base / path,
            headers=headers,
            body=b"[" + b",".join(bodies) + b"]",
            write=True,
            name="own webhook",
        )
        accepted = json_object(answer, write=True).get("accepted")
        if not isinstance(accepted, int):
            raise TemporaryError("own webhook: the answer is not one of consent-sync")
        return accepted

    async def _token(self, keys: DoorKeys) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": keys.client_id,
            "client_secret": keys.client_secret,
        }
        answer = await self._wall.send(
            "POST",
            self._base / "oauth/token",
            headers=_FORM,
            body=urlencode(form).encode(),
            name="own token",
        )
        token = json_object(answer, write=False).get("access_token")
        return token if isinstance(token, str) else ""
