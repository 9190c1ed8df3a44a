"""`consent-sync serve`: the service itself."""

import asyncio
import dataclasses
import signal
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from consent_sync.cli.exits import FOUND_SOMETHING, WRONG_CONFIGURATION, WRONG_USAGE, CommandError
from consent_sync.domain.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from consent_sync.app.application import Duty
    from consent_sync.app.settings import Settings


def command(
    intake_only: Annotated[
        bool, typer.Option("--intake-only", help="Take webhooks only; others take the turns.")
    ] = False,
    turns_only: Annotated[
        bool, typer.Option("--turns-only", help="Take turns only; others take the webhooks.")
    ] = False,
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
    duty = _duty(settings, intake_only=intake_only, turns_only=turns_only)
    start_logs(settings)
    with asyncio.Runner(loop_factory=_fastest_loop()) as runner:
        sound = runner.run(_serve(settings, duty))
    if not sound:
        raise typer.Exit(FOUND_SOMETHING)


def _fastest_loop() -> "Callable[[], asyncio.AbstractEventLoop] | None":
    """Return the loop of the optional extra `speed` where it is installed."""
    if find_spec("uvloop") is None:
        return None
    import uvloop

    return uvloop.new_event_loop


def _duty(settings: "Settings", *, intake_only: bool, turns_only: bool) -> "Duty":
    from consent_sync.app.application import Duty
    from consent_sync.app.database import is_shared

    if intake_only and turns_only:
        raise CommandError("--intake-only and --turns-only exclude each other", WRONG_USAGE)
    if not intake_only and not turns_only:
        return Duty.ALL
    if not is_shared(settings):
        raise CommandError(
            "a file belongs to one process, which does everything; roles need PostgreSQL "
            "in CONSENT_SYNC_DATABASE_URL",
            WRONG_USAGE,
        )
    return Duty.INTAKE if intake_only else Duty.TURNS


async def _serve(settings: "Settings", duty: "Duty") -> bool:
    from consent_sync.adapters.storage.group_commit import EnvironmentStoreError
    from consent_sync.app.bootstrap import build
    from consent_sync.web.server import serve

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        # Without an answer of PostgreSQL trying again may help, with a wrong setting it does not.
        application = await build(settings, duty=duty)
    except EnvironmentStoreError as error:
        raise CommandError(str(error), FOUND_SOMETHING) from None
    except StoreError as error:
        raise CommandError(str(error), WRONG_CONFIGURATION) from None
    return await serve(application, stop)
