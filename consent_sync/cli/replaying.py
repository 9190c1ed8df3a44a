"""Replays events where it can be done: in the database itself, else through its owner's API."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import aiohttp
from yarl import URL

from consent_sync.adapters.storage.ownership import InUseError
from consent_sync.cli.exits import WRONG_CONFIGURATION, CommandError
from consent_sync.domain.errors import AbsentError, RefusedError

if TYPE_CHECKING:
    from consent_sync.app.settings import Settings
    from consent_sync.services.replay import Replay

OPERATORS: Final = ("operator", "admin")
"""The roles whose tokens may decide, in the order in which they are looked for."""

TIMEOUT: Final = aiohttp.ClientTimeout(total=30)
_SOON: Final = aiohttp.ClientTimeout(total=2)
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not listened on

Done = dict[str, object]


async def replay_all(
    settings: "Settings", numbers: Sequence[int], mapping: str | None
) -> tuple[list[Done], dict[int, str]]:
    """Replay these events and return what was done, and why others were not; raise CommandError."""
    from consent_sync.cli.surroundings import built

    application = await built(settings)
    try:
        await application.store.open()
        await application.activation.remember()
        return await _here(application.replay, numbers, mapping)
    except InUseError:
        return await _through_server(settings, numbers, mapping)
    finally:
        await application.store.close()
        await application.session.close()


async def _here(
    replays: "Replay", numbers: Sequence[int], mapping: str | None
) -> tuple[list[Done], dict[int, str]]:
    import dataclasses

    done: list[Done] = []
    troubles: dict[int, str] = {}
    for number in numbers:
        try:
            done.append(dataclasses.asdict(await replays.replay(number, mapping)))
        except (AbsentError, RefusedError) as error:
            troubles[number] = str(error)
    return done, troubles


async def _through_server(
    settings: "Settings", numbers: Sequence[int], mapping: str | None
) -> tuple[list[Done], dict[int, str]]:
    base, headers = server_of(settings), authorization(settings)
    done: list[Done] = []
    troubles: dict[int, str] = {}
    async with aiohttp.ClientSession(timeout=TIMEOUT, headers=headers) as session:
        for number in numbers:
            url = base / f"api/v1/events/{number}/replay"
            try:
                async with session.post(
                    url, json={}, params={"mapping": mapping} if mapping else None
                ) as response:
                    said: dict[str, Any] = await response.json(content_type=None)
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                raise _no_answer(base, error) from None
            if response.status == 200:
                done.append(said)
            elif response.status in (401, 403):
                raise CommandError(f"the server at {base} refuses: {said.get('detail')}")
            else:
                troubles[number] = str(said.get("detail"))
    return done, troubles


async def ask_server(
    settings: "Settings", path: str, asked: Done, roles: tuple[str, ...] = ("admin",)
) -> dict[str, Any]:
    """Let the server that owns the database do what only these roles may; raise CommandError."""
    base, headers = server_of(settings), authorization(settings, roles)
    async with aiohttp.ClientSession(timeout=TIMEOUT, headers=headers) as session:
        try:
            async with session.post(base / path, json=asked) as response:
                said: dict[str, Any] = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise _no_answer(base, error) from None
    if response.status != 200:
        raise CommandError(f"the server at {base} refuses: {said.get('detail')}")
    return said


async def served_status(settings: "Settings") -> dict[str, Any]:
    """Return what the server on this machine says about how things stand, nothing without one."""
    try:
        base = server_of(settings)
    except CommandError:
        return {}
    headers = authorization(settings, ("viewer", *OPERATORS))
    try:
        async with (
            aiohttp.ClientSession(timeout=_SOON, headers=headers) as session,
            session.get(base / "api/v1/status") as response,
        ):
            said = await response.json(content_type=None)
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return {}
    return said if response.status == 200 and isinstance(said, dict) else {}


def _no_answer(base: URL, error: Exception) -> CommandError:
    return CommandError(
        f"a server owns the database, but {base} gives no answer of it "
        f"({type(error).__name__}); check CONSENT_SYNC_LISTEN, or stop the server"
    )


def server_of(settings: "Settings") -> URL:
    """Return the address of the server on this machine; raise CommandError when it is not known."""
    host, port = settings.listen
    if port == 0:
        raise CommandError(
            "a server owns the database, and CONSENT_SYNC_LISTEN does not say on which port; "
            "set it to the port in the server's log, or stop the server",
            WRONG_CONFIGURATION,
        )
    return URL.build(scheme="http", host=_EVERYWHERE.get(host, host), port=port)


def authorization(settings: "Settings", roles: tuple[str, ...] = OPERATORS) -> dict[str, str]:
    """Return the header of the first token of these roles, none where there is none."""
    for one in settings.api_tokens:
        if one.role in roles:
            return {"Authorization": f"Bearer {one.token}"}
    return {}
