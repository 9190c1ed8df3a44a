"""The door that a command uses: of the database itself, else of the server that owns it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from consent_sync.adapters.storage.ownership import InUseError
from consent_sync.cli.replaying import server_of

if TYPE_CHECKING:
    import aiohttp

    from consent_sync.adapters.served_door import DoorKeys
    from consent_sync.app.settings import Settings
    from consent_sync.domain.mapping import Mapping
    from consent_sync.ports.door import Door


@asynccontextmanager
async def door_of(
    settings: "Settings", mappings: "list[Mapping]", session: "aiohttp.ClientSession"
) -> "AsyncIterator[Door]":
    """Yield the door; what goes through it is taken by the server, or at its next start."""
    from consent_sync.adapters.http import HttpWall
    from consent_sync.adapters.served_door import ServedDoor
    from consent_sync.cli.surroundings import built
    from consent_sync.services.own_door import OwnDoor

    application = await built(settings)
    try:
        try:
            await application.store.open()
        except InUseError:
            keys = {one.name: _keys(settings, one) for one in mappings}
            yield ServedDoor(HttpWall(session, read_seconds=30), server_of(settings), keys)
        else:
            await application.activation.remember()
            if not application.mappings.current():
                # Before the first start nothing was ever in force: the files are, from now on.
                await application.activation.refresh()
            yield OwnDoor(application.intake)
    finally:
        await application.store.close()
        await application.session.close()


def _keys(settings: "Settings", mapping: "Mapping") -> "DoorKeys":
    from consent_sync.adapters.served_door import DoorKeys

    own = settings.account(mapping.account)
    return DoorKeys(
        didomi_secret=next(iter(own.didomi_webhook_secrets), ""),
        actito_secret=next(iter(own.actito_webhook_secrets), ""),
        client_id=own.didomi_webhook_client_id,
        client_secret=own.didomi_webhook_client_secret,
        api_token=next((one.token for one in settings.api_tokens if one.role == "admin"), ""),
    )
