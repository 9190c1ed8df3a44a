"""Serves the application: listens, says where, and stops without losing anything."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

import structlog
from aiohttp import web

from consent_sync.app.application import Application, Duty
from consent_sync.app.settings import Settings
from consent_sync.app.standing import standing_of
from consent_sync.domain.errors import ConsentSyncError
from consent_sync.domain.identity import Side
from consent_sync.ports.clock import Clock
from consent_sync.services.alerting import raised_alerts
from consent_sync.web.auth import ApiGate, ApiToken, Keys, Lock, Role
from consent_sync.web.health import Check, NotReadyError
from consent_sync.web.oauth import Tokens
from consent_sync.web.routes import Parts, http_application

KEEP_ALIVE_SECONDS: Final = 75.0
REQUEST_SECONDS: Final = 10.0
"""How long requests under way may take to end when the service stops, at most."""

CLOSE_SECONDS: Final = 10.0
"""How much longer than the turns under way everything may take to be written and closed."""

_log = structlog.get_logger(__name__)


class ListenError(ConsentSyncError):
    """The address cannot be listened on."""


async def serve(
    application: Application,
    stop: asyncio.Event,
    *,
    listening: Callable[[str], None] | None = None,
) -> bool:
    """Start the application, answer until `stop` is set, then stop it in order.

    `listening` is told the address once it answers. Returns false when a part ended by itself;
    raises StoreError or ListenError when it could not start.
    """
    settings = application.settings
    parts = parts_of(application)
    runner = web.AppRunner(
        http_application(parts),
        access_log=None,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
        shutdown_timeout=min(REQUEST_SECONDS, settings.stop_within_seconds),
    )
    sound = True
    try:
        await application.start()
        tell_oddities(settings, parts.locks if parts.takes_webhooks else {})
        address = await _listen(runner, settings.listen.host, settings.listen.port)
        _log.info("listening", address=address)
        if listening is not None:
            listening(address)
        sound = await _until(stop, application)
        _log.info("stopping")
    finally:
        await _stop(runner, application)
    _log.info("stopped")
    return sound


def parts_of(application: Application) -> Parts:
    """Return what the HTTP side needs of the application."""
    settings, clock = application.settings, application.clock
    tokens = issuers(settings, clock)
    return Parts(
        intake=application.intake,
        lookup=application.lookup,
        replay=application.replay,
        review=application.review,
        dead_letters=application.dead_letters,
        standstill=application.standstill,
        resting=application.radar.resting,
        ledger=application.store,
        clock=clock,
        metrics=application.metrics,
        locks=locks(settings, tokens),
        tokens=list(tokens.values()),
        gate=ApiGate(
            [ApiToken(one.name, Role[one.role.upper()], one.token) for one in settings.api_tokens]
        ),
        checks=_checks(application),
        takes_webhooks=application.duty is not Duty.TURNS,
        mappings=lambda: standing_of(application.mappings),
        erasure=application.erasing.erasure,
        erased=application.erasing.ring,
        backlog_seconds=application.metrics.backlog_seconds,
        alerts=lambda: raised_alerts(application.store),
    )


def issuers(settings: Settings, clock: Clock) -> dict[str, Tokens]:
    """Return, per account, who issues tokens for Didomi's webhook."""
    found: dict[str, Tokens] = {}
    for account in ("", *settings.accounts):
        own = settings.account(account)
        client = (own.didomi_webhook_client_id, own.didomi_webhook_client_secret)
        if all(client):
            found[account] = Tokens(*client, clock)
    return found


def locks(settings: Settings, tokens: dict[str, Tokens]) -> dict[Side, Lock]:
    """Return what each side's webhook asks of its sender, over all accounts."""
    accounts = {name: settings.account(name) for name in ("", *settings.accounts)}
    optional = settings.allow_unauthenticated
    didomi = [
        Keys(name, own.didomi_webhook_secrets, tokens.get(name)) for name, own in accounts.items()
    ]
    actito = [Keys(name, own.actito_webhook_secrets) for name, own in accounts.items()]
    return {
        Side.DIDOMI: Lock(didomi, optional=optional),
        Side.ACTITO: Lock(actito, optional=optional),
    }


def tell_oddities(settings: Settings, locked: Mapping[Side, Lock]) -> None:
    """Log what in the settings keeps a part from working, or is probably not meant."""
    for warning in settings.warnings:
        _log.warning("setting_odd", setting=str(warning))
    for side, lock in locked.items():
        if not lock.configured:
            _log.error("webhook_refuses_everything", side=side.value, why=_why_closed(side))


def _why_closed(side: Side) -> str:
    name = f"CONSENT_SYNC_{side.upper()}_WEBHOOK_SECRETS"
    more = " or client credentials" if side is Side.DIDOMI else ""
    return f"{name}{more} not set, so nobody could tell who sends; every delivery is answered 503"


def _checks(application: Application) -> dict[str, Check]:
    async def store() -> str:
        await application.store.check()
        return "it commits"

    async def mappings() -> str:
        number = len(application.mappings.current())
        if not number:
            raise NotReadyError("no mapping is in force")
        return f"{number} in force, {len(application.mappings.kept())} from an earlier version"

    async def worker() -> str:
        if not application.worker.alive:
            raise NotReadyError("it is not running")
        return "it is running"

    async def platforms() -> str:
        # Always ready: what comes in is taken all the same, and waits.
        breaks = application.standstill.breaks()
        told = {f"{one.side.value} is not called ({one.cause.value})" for one in breaks}
        return "; ".join(sorted(told)) or "both are called"

    checks: dict[str, Check] = {"store": store, "mappings": mappings}
    return (
        checks
        if application.duty is Duty.INTAKE
        else {**checks, "worker": worker, "platforms": platforms}
    )


async def _listen(runner: web.AppRunner, host: str, port: int) -> str:
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
    except OSError as error:
        raise ListenError(f"{host}:{port} cannot be listened on: {error.strerror}") from None
    bound = runner.addresses[0][1]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{bound}"


async def _stop(runner: web.AppRunner, application: Application) -> None:
    seconds = application.settings.stop_within_seconds + CLOSE_SECONDS
    try:
        async with asyncio.timeout(seconds):
            # First nobody new, then what is under way, then the store: nothing accepted is left out.
            await asyncio.gather(runner.cleanup(), application.finish_turns())
            await application.stop()
    except TimeoutError:
        # A database that does not answer. What it did not take was not answered with 200, and the
        # leases of turns end by themselves.
        _log.warning("stop_cut_short", seconds=seconds)


async def _until(stop: asyncio.Event, application: Application) -> bool:
    waiting = asyncio.create_task(stop.wait())
    broken = asyncio.create_task(application.broken())
    try:
        await asyncio.wait({waiting, broken}, return_when=asyncio.FIRST_COMPLETED)
        return waiting.done()
    finally:
        waiting.cancel()
        broken.cancel()
        await asyncio.gather(waiting, broken, return_exceptions=True)
