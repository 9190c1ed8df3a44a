"""Builds everything from the settings and gives back one application that closes itself."""

import os
import secrets
import sys
from collections.abc import Callable
from importlib.metadata import version
from urllib.parse import unquote, urlsplit

import aiohttp

from consent_sync.adapters.actito.client import ActitoClient
from consent_sync.adapters.actito.settings import ActitoSettings
from consent_sync.adapters.actito.webhook import ActitoReceiver
from consent_sync.adapters.clock import SystemChance, SystemClock
from consent_sync.adapters.didomi.client import DidomiClient
from consent_sync.adapters.didomi.session import DidomiSettings
from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.adapters.http import HttpWall, Observer
from consent_sync.adapters.mapping_files import MappingFolder
from consent_sync.adapters.metrics import Metrics
from consent_sync.adapters.storage.postgres.claims import may_write
from consent_sync.adapters.telemetry import LogObserver, configure_logs
from consent_sync.app.accounts import (
    ActitoAccounts,
    DidomiAccounts,
    Together,
    actito_settings,
    bulk_limits,
    calls_a_minute,
    didomi_settings,
    owner,
)
from consent_sync.app.activation import Activation
from consent_sync.app.alerting import alerting_of
from consent_sync.app.application import Application, Duty
from consent_sync.app.bulk_switch import BulkSwitch
from consent_sync.app.database import (
    MEMORY,
    is_shared,
    marks_of,
    notebook_of,
    quota_of,
    reader_of_database,
    store_of,
    tombstone_list,
)
from consent_sync.app.erasing import Erasing
from consent_sync.app.fading import fading_of
from consent_sync.app.guarding import Guarding
from consent_sync.app.hook_watch import ALERT, HookWatch
from consent_sync.app.inventories import Inventories
from consent_sync.app.policies import departures_of, limits_of, retry_of, rules_of
from consent_sync.app.radar import Radar
from consent_sync.app.recovering import Recovering
from consent_sync.app.settings import Settings
from consent_sync.app.standstill import Standstill
from consent_sync.app.sweeping import Sweeping
from consent_sync.app.trials import TrialGate
from consent_sync.domain.identity import Side
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import HOUR, SECOND
from consent_sync.ports.board import Board
from consent_sync.ports.clock import Clock
from consent_sync.ports.door import Door
from consent_sync.ports.lists import ConsentLists, ProfileSource
from consent_sync.ports.mappings import MappingSource
from consent_sync.ports.quota import Quota
from consent_sync.ports.store import Ledger
from consent_sync.services.circuits import BreakChange, Circuit
from consent_sync.services.dead_letters import DeadLetterLook, DeadLetters
from consent_sync.services.erasure import Erasure
from consent_sync.services.first_look import Eyes
from consent_sync.services.guard import Guard
from consent_sync.services.guard_book import GuardBook
from consent_sync.services.intake import Intake
from consent_sync.services.lookup import Lookup
from consent_sync.services.own_door import OwnDoor
from consent_sync.services.pace import PacedProfiles
from consent_sync.services.patience import PatientLists, PatientProfiles
from consent_sync.services.pauses import Pauses
from consent_sync.services.profiles import ProfileIndex
from consent_sync.services.recovery import OnPage, Recovery
from consent_sync.services.replay import Replay, ReplayLook
from consent_sync.services.review import Review, ReviewLook
from consent_sync.services.stops import LineStops
from consent_sync.services.synchronise import Synchroniser
from consent_sync.services.worker import Worker


def start_logs(settings: Settings) -> None:
    """Send logs to stderr as the settings say, with every secret of theirs masked."""
    style = settings.log_format or ("console" if sys.stderr.isatty() else "json")
    configure_logs(style, known_secrets(settings), level=settings.log_level)


def known_secrets(settings: Settings) -> list[str]:
    """Return every secret in the settings, those of all accounts too."""
    found: list[str] = []
    for entry in settings.entries:
        if entry.spec.secret and entry.text:
            found += [entry.text, *(part.strip() for part in entry.text.split(","))]
    password = urlsplit(settings.database_url).password
    found += [password, unquote(password)] if password else []
    return found + [one.token for one in settings.api_tokens]


async def build(
    settings: Settings, *, clock: Clock | None = None, duty: Duty = Duty.ALL
) -> Application:
    """Return the application, nothing of it started; raise StoreError about files."""
    # Everything this process writes is about people: nobody else on the machine may read it.
    os.umask(0o077)
    clock = clock or SystemClock()
    metrics = Metrics(version("consent-sync"), calls_a_minute(settings))
    store, fingerprint = await store_of(settings, clock, has_door=duty is not Duty.TURNS)
    observer = LogObserver(metrics, fingerprint)
    mappings = MappingFolder(settings.mappings_dir, clock)
    rules, index = rules_of(settings), ProfileIndex()
    session = aiohttp.ClientSession(
        # Idle connections are dropped early: one that the other end has closed meanwhile would
        # make a write unclear, which costs a look.
        connector=aiohttp.TCPConnector(limit=100, ttl_dns_cache=60, keepalive_timeout=4),
        cookie_jar=aiohttp.DummyCookieJar(),
    )
    standstill = Standstill(store, Pauses(store, clock), metrics, clock)
    quota = quota_of(store)
    actito, didomi = platforms(
        settings, session, clock, observer.call, quota, standstill.told, store
    )
    actito.heed(standstill.pauses.of)
    standstill.breaks = lambda: (*actito.breaks(), *didomi.breaks())
    didomi_receiver, actito_receiver = DidomiReceiver(), ActitoReceiver()
    stops, guard = LineStops(), Guard(limits_of(settings))
    erasure = Erasure(
        store,
        mappings,
        await marks_of(settings),
        didomi_receiver,
        actito_receiver,
        clock,
        tombstone_list(settings),
    )
    erasing = Erasing(erasure)
    synchroniser = Synchroniser(
        mappings=mappings,
        profiles=actito,
        consents=didomi,
        store=store,
        didomi=didomi_receiver,
        actito=actito_receiver,
        clock=clock,
        chance=SystemChance(),
        rules=rules,
        retry=retry_of(settings, started_at=clock.now()),
        index=index,
        observer=observer,
        departures=departures_of(settings, mappings),
        forget=erasing.forget,
        account_of=lambda mapping: owner(settings, mapping.account),
        stops=stops,
        guard=guard,
        paused=standstill.pauses.of,
    )
    intake = Intake(
        store,
        mappings,
        didomi_receiver,
        actito_receiver,
        clock,
        index,
        account_of=lambda mapping: owner(settings, mapping.account),
    )
    recovering = Recovering(
        recovery=recovery_of(settings, didomi, store, clock, OwnDoor(intake)),
        mappings=mappings,
        ledger=store,
        clock=clock,
        after=round(settings.recover_after_seconds * SECOND),
        # Replicas come and go with their folders, so what one of them notes is no use to the next.
        notebook=notebook_of(settings, "recover") if _in_a_file(settings) else None,
    )
    hooks = HookWatch(actito, settings.public_url, metrics)
    return Application(
        settings=settings,
        clock=clock,
        store=store,
        mappings=mappings,
        activation=Activation(mappings, store, clock, TrialGate(rules)),
        metrics=metrics,
        fingerprint=fingerprint,
        rules=rules,
        actito=actito,
        didomi=didomi,
        intake=intake,
        lookup=Lookup(store, mappings, rules),
        replay=Replay(replay_look(settings, store, mappings), intake, clock),
        review=Review(ReviewLook(store, mappings, rules, clock), store, clock),
        dead_letters=DeadLetters(DeadLetterLook(store, mappings, rules), store, clock),
        radar=Radar(Inventories(actito, didomi), mappings, stops, clock, metrics, hooks),
        worker=Worker(
            store, synchroniser, settings.turns_concurrency, observer, actito.room, Together(actito)
        ),
        standstill=standstill,
        session=session,
        recovering=recovering,
        bulk=BulkSwitch(actito, store, clock, settings.actito_bulk_above),
        sweeping=Sweeping(
            eyes=_sweepers_eyes(settings, store, didomi, actito, clock),
            mappings=mappings,
            notebook=None if settings.database_url == MEMORY else notebook_of(settings, "sweep"),
            door=OwnDoor(intake),
            board=store,
            clock=clock,
            metrics=metrics,
            every=round(settings.sweep_every_hours * HOUR),
            repairs=settings.sweep_repair,
            holder=secrets.token_hex(8),
        ),
        erasing=erasing,
        alerting=alerting_of(
            settings,
            store,
            mappings,
            clock,
            metrics,
            session,
            observer.call,
            {
                ALERT: hooks.condition,
                **standstill.conditions(calls=duty is not Duty.INTAKE, started_at=clock.now()),
            },
        ),
        guarding=Guarding(GuardBook(guard, store, clock, secrets.token_hex(4))),
        fading=fading_of(settings, store, clock),
        reader=None if settings.database_url == MEMORY else reader_of_database(settings),
        duty=duty,
    )


def _sweepers_eyes(
    settings: Settings, ledger: Ledger, lists: ConsentLists, profiles: ProfileSource, clock: Clock
) -> Eyes:
    def pace(mapping: Mapping) -> float:
        return settings.account(mapping.account).actito_calls_per_minute * settings.sweep_share

    return eyes_of(settings, ledger, lists, PacedProfiles(profiles, clock, pace), clock)


def eyes_of(
    settings: Settings,
    ledger: Ledger,
    lists: ConsentLists,
    profiles: ProfileSource,
    clock: Clock,
    *,
    cheap: ProfileSource | None = None,
) -> Eyes:
    """Return what a comparison looks with; `cheap` is asked first where it is given."""
    patient = PatientProfiles(profiles, clock)
    return Eyes(
        lists=PatientLists(lists, clock),
        profiles=patient,
        cheap=patient if cheap is None else cheap,
        ledger=ledger,
        receiver=DidomiReceiver(),
        clock=clock,
        rules=rules_of(settings),
    )


def recovery_of(
    settings: Settings,
    lists: ConsentLists,
    ledger: Ledger,
    clock: Clock,
    door: Door | None,
    on_page: OnPage | None = None,
) -> Recovery:
    """Return what pulls the events that were missed; without a door it only counts."""
    more = {} if on_page is None else {"on_page": on_page}
    patient, receiver = PatientLists(lists, clock), DidomiReceiver()
    return Recovery(
        patient, ledger, receiver, lambda one: owner(settings, one.account), door, **more
    )


def replay_look(settings: Settings, ledger: Ledger, mappings: MappingSource) -> ReplayLook:
    """Return what finds out what a replay would do."""
    return ReplayLook(
        ledger,
        mappings,
        DidomiReceiver(),
        ActitoReceiver(),
        lambda mapping: owner(settings, mapping.account),
    )


def _in_a_file(settings: Settings) -> bool:
    return settings.database_url != MEMORY and not is_shared(settings)


def platforms(
    settings: Settings,
    session: aiohttp.ClientSession,
    clock: Clock,
    observer: Observer | None = None,
    quota: Quota | None = None,
    tell: Callable[[BreakChange], None] = lambda _: None,
    board: Board | None = None,
) -> tuple[ActitoAccounts, DidomiAccounts]:
    """Build one client per distinct account: token and pace belong to the key, not to the mapping.

    `tell` hears when a platform is not called any more, and when it is called again. Imports are
    noted on the `board`; without one there are none.
    """
    circuits: dict[ActitoSettings | DidomiSettings, Circuit] = {}
    actito: dict[ActitoSettings, ActitoClient] = {}
    didomi: dict[DidomiSettings, DidomiClient] = {}
    actito_of: dict[str, ActitoClient] = {}
    didomi_of: dict[str, DidomiClient] = {}
    for name in ("", *settings.accounts):
        own = settings.account(name)

        def wall(seconds: float) -> HttpWall:
            return HttpWall(
                session, read_seconds=seconds, observer=observer, before_write=may_write
            )

        there, here = actito_settings(own), didomi_settings(own)
        if there not in actito:
            patient = wall(own.actito_read_timeout_seconds)
            bulk = bulk_limits(own)
            actito[there] = ActitoClient(patient, there, clock, None, quota, bulk, board)
        if here not in didomi:
            didomi[here] = DidomiClient(wall(own.didomi_timeout_seconds), here, clock)
        for side, key in ((Side.ACTITO, there), (Side.DIDOMI, here)):
            circuit = Circuit(
                side, name, clock, settings.breaker_failures, retry_of(settings), tell
            )
            circuits.setdefault(key, circuit)
        actito_of[name], didomi_of[name] = actito[there], didomi[here]
    names = actito_of.keys()
    return (
        ActitoAccounts(
            settings,
            actito_of,
            {name: circuits[actito_settings(settings.account(name))] for name in names},
        ),
        DidomiAccounts(
            settings,
            didomi_of,
            {name: circuits[didomi_settings(settings.account(name))] for name in names},
        ),
    )
