"""The command: asks everything in turn, prints as it goes."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Final

import typer

from consent_sync.cli.doctor.finding import Finding, State, fail
from consent_sync.cli.exits import FOUND_SOMETHING
from consent_sync.cli.output import AS_JSON, counted, print_json, say

if TYPE_CHECKING:
    from consent_sync.app.settings import Settings
    from consent_sync.domain.mapping import Mapping

READ_SECONDS: Final = 20.0
PLATFORM_SECONDS: Final = 120.0
"""How long all questions to one platform about one mapping may take."""

_COLOURS: Final = {State.OK: "", State.WARN: "yellow", State.FAIL: "red"}


def command(as_json: Annotated[bool, AS_JSON] = False) -> None:
    """Check settings, files, database, clocks and both platforms; 1 when something failed."""
    findings = asyncio.run(_collect(silent=as_json))
    failed = sum(one.state is State.FAIL for one in findings)
    warned = sum(one.state is State.WARN for one in findings)
    if as_json:
        shown = [dataclasses.asdict(one) for one in findings]
        print_json({"failed": failed, "warned": warned, "findings": shown})
    else:
        say()
        say(f"{counted(len(findings), 'finding')}: {failed} failed, {counted(warned, 'warning')}")
    if failed:
        raise typer.Exit(FOUND_SOMETHING)


async def _collect(*, silent: bool) -> list[Finding]:
    found: list[Finding] = []
    async for finding in _look():
        found.append(finding)
        if not silent:
            _show(finding)
    return found


def _show(finding: Finding) -> None:
    do = f"  -> {finding.do}" if finding.do else ""
    say(f"{finding.state:<5} {finding.what}: {finding.said}{do}", _COLOURS[finding.state])


async def _look() -> AsyncIterator[Finding]:
    from consent_sync.app.settings import SettingsError
    from consent_sync.cli.doctor.machine import (
        database_findings,
        mapping_findings,
        settings_findings,
    )
    from consent_sync.cli.surroundings import settings_here

    try:
        settings = settings_here()
    except SettingsError as error:
        for problem in error.problems:
            yield fail("settings", str(problem), "consent-sync settings")
        return
    for finding in settings_findings(settings):
        yield finding
    reading, findings = mapping_findings(settings)
    for finding in (*findings, *await database_findings(settings)):
        yield finding
    mappings = [one.mapping for one in reading.files if one.mapping is not None]
    async for finding in _platforms(settings, mappings):
        yield finding


async def _platforms(settings: "Settings", mappings: "list[Mapping]") -> AsyncIterator[Finding]:
    import aiohttp

    from consent_sync.adapters.clock import SystemClock
    from consent_sync.adapters.http import HttpWall
    from consent_sync.app.bootstrap import platforms
    from consent_sync.cli.doctor.actito import actito_findings
    from consent_sync.cli.doctor.clocks import clock_finding
    from consent_sync.cli.doctor.didomi import didomi_findings

    clock = SystemClock()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        wall = HttpWall(session, read_seconds=READ_SECONDS)
        tolerance = settings.clock_tolerance_seconds
        places = (("Didomi", settings.didomi_api_url), ("Actito", settings.actito_api_url))
        for platform, address in places:
            yield await clock_finding(wall, clock, platform, address, tolerance)
        actito, didomi = platforms(settings, session, clock)
        for mapping in mappings:
            for name, asked in (
                ("Didomi", didomi_findings(didomi.of(mapping), mapping)),
                ("Actito", actito_findings(actito.of(mapping), mapping)),
            ):
                async for finding in _in_time(f"{name}, {mapping.name}", asked):
                    yield finding


async def _in_time(what: str, asked: AsyncIterator[Finding]) -> AsyncIterator[Finding]:
    """Pass findings on, each as soon as it is there, until the time is up."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PLATFORM_SECONDS
    try:
        while True:
            async with asyncio.timeout_at(end):
                finding = await anext(asked)
            yield finding
    except StopAsyncIteration:
        return
    except TimeoutError:
        yield fail(what, f"no answer to all questions within {PLATFORM_SECONDS:g} seconds")
