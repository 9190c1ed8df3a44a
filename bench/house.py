"""The real program as `consent-sync serve` puts it together, from settings made here."""

import asyncio
from collections.abc import Collection
from pathlib import Path

from bench.people import SECRET
from bench.processes import ROOT
from consent_sync.adapters.didomi.webhook import parse_envelope
from consent_sync.app.application import Application, Duty
from consent_sync.app.bootstrap import build, start_logs
from consent_sync.app.settings import Settings
from consent_sync.services.intake import Intake, Receipt
from consent_sync.services.worker import Worker
from consent_sync.simulators.actito import DEFAULT_API_KEY

NOWHERE = "http://127.0.0.1:9"
"""An address at which nobody answers: the discard port."""


class IdleWorker(Worker):
    """Takes no turns, so that intake can be measured alone."""

    async def run(self) -> None:
        """Claim nothing until cancelled."""
        self.alive = True
        await asyncio.Event().wait()


class ParsingIntake(Intake):
    """Parses and validates an event, and keeps nothing."""

    async def accept_didomi(self, body: bytes, accounts: Collection[str] | None = None) -> Receipt:
        """Return that one event was accepted, which is not true; raise RefusedError."""
        parse_envelope(body)
        return Receipt(1, 0)


async def house(
    database: Path,
    *,
    actito: str = NOWHERE,
    didomi: str = NOWHERE,
    duty: Duty = Duty.ALL,
    **settings: str,
) -> Application:
    """Return the application on a database, nothing of it started; `settings` come on top."""
    variables = {
        "listen": "127.0.0.1:0",
        "database_url": f"sqlite:///{database}",
        "mappings_dir": str(ROOT / "mappings"),
        "didomi_api_url": didomi,
        "didomi_webhook_secrets": SECRET,
        "actito_api_url": actito,
        "actito_api_key": DEFAULT_API_KEY,
        "actito_webhook_secrets": SECRET,
        "log_format": "json",
        **settings,
    }
    read = Settings.from_variables(
        {f"CONSENT_SYNC_{name.upper()}": value for name, value in variables.items()}
    )
    start_logs(read)
    return await build(read, duty=duty)


def without_store(application: Application) -> Application:
    """Return the application with an intake that keeps nothing, and without turns."""
    application.intake.__class__ = ParsingIntake
    return without_turns(application)


def without_turns(application: Application) -> Application:
    """Return the application with a worker that takes no turns."""
    application.worker = IdleWorker(application.store, None, 1, None)  # type: ignore[arg-type]  # uses neither
    return application
