"""`consent-sync serve`: the service itself."""

import asyncio
import dataclasses
import signal
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from consent_sync.cli.exits import FOUND_SOMETHING, WRONG_CONFIGURATION, CommandError
from consent_sync.domain.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from consent_sync.app.settings import Settings


def command(
    as_json: Annotated[
        bool, typer.Option("--json", help="Log JSON, whatever CONSENT_SYNC_LOG_FORMAT says.")
    ] = False,
) -> None:
    """Take webhooks and keep both sides the same, until Ctrl-C or SIGTERM."""
    from consent_sync.app.bootstrap import start_logs
    from consent_sync.cli.surroundings import settings_here

    settings = settings_here()
    if as_json:
        settings = dataclasses.replace(settings, log_format="json")
    start_logs(settings)
    with asyncio.Runner(loop_factory=_fastest_loop()) as runner:
        sound = runner.run(_serve(settings))
    if not sound:
        raise typer.Exit(FOUND_SOMETHING)


def _fastest_loop() -> "Callable[[], asyncio.AbstractEventLoop] | None":
    """Return the loop of the optional extra `speed` where it is installed."""
    if find_spec("uvloop") is None:
        return None
    import uvloop

    return uvloop.new_event_loop


async def _serve(settings: "Settings") -> bool:
    from consent_sync.app.bootstrap import build
    from consent_sync.web.server import serve

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        application = await build(settings)
    except StoreError as error:
        raise CommandError(str(error), WRONG_CONFIGURATION) from None
    return await serve(application, stop)
