"""`consent-sync webhooks`: whether Actito posts to us, and making it do so."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from consent_sync.cli.exits import FOUND_SOMETHING, WRONG_CONFIGURATION, CommandError
from consent_sync.cli.output import AS_JSON, counted, print_json, say
from consent_sync.domain.errors import ConsentSyncError
from consent_sync.domain.hooks import SECRET_HEADER, HookFault, hook_faults, hook_fields, hook_path
from consent_sync.domain.mapping import Mapping

if TYPE_CHECKING:
    from consent_sync.app.accounts import ActitoAccounts
    from consent_sync.app.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Actito's webhooks that lead to us: check, install.")


@dataclass(frozen=True, slots=True)
class Checked:
    """One mapping: what is wrong with its webhooks, or why Actito could not be asked."""

    mapping: Mapping
    faults: tuple[HookFault, ...] = ()
    unasked: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing is known to be wrong."""
        return not self.faults and not self.unasked


@app.command("check")
def check(as_json: Annotated[bool, AS_JSON] = False) -> None:
    """Ask Actito for our webhooks; 1 when one is missing, switched off or leads elsewhere."""
    found = asyncio.run(_checked())
    _tell(found, as_json=as_json)
    if not all(one.good for one in found):
        raise typer.Exit(FOUND_SOMETHING)


@app.command("install")
def install(
    yes: Annotated[bool, typer.Option("--yes", help="Do it, after the counts.")] = False,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Make what is missing and repair the rest, for every mapping that wants webhooks."""
    found = asyncio.run(_checked(repair=yes))
    _tell(found, as_json=as_json)
    made = sum(not fault.id for one in found for fault in one.faults)
    mended = sum(bool(fault.id) for one in found for fault in one.faults)
    if not yes:
        if (made or mended) and not as_json:
            say(f"{made} to make, {mended} to repair; --yes does it.")
    elif not as_json:
        say(f"still wrong: {made + mended}" if made + mended else "Actito posts to us.")
    if not all(one.good for one in found):
        raise typer.Exit(FOUND_SOMETHING)


async def _checked(*, repair: bool = False) -> list[Checked]:
    import aiohttp

    from consent_sync.adapters.clock import SystemClock
    from consent_sync.app.bootstrap import platforms
    from consent_sync.cli.surroundings import settings_here
    from consent_sync.cli.validate import check as read_files

    settings = settings_here()
    reading = read_files(settings.mappings_dir)
    mappings = [one.mapping for one in reading.files if one.mapping and one.mapping.enable_webhooks]
    if reading.problems:
        count = counted(len(reading.problems), "problem")
        raise CommandError(f"{count} in the mapping files; see `validate`", WRONG_CONFIGURATION)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        actito, _ = platforms(settings, session, SystemClock())
        found = [await _look(actito, settings, one) for one in mappings]
        if not repair:
            return found
        for one in found:
            await _repair(actito, settings, one)
        return [await _look(actito, settings, one) for one in mappings]


async def _look(actito: "ActitoAccounts", settings: "Settings", mapping: Mapping) -> Checked:
    own = settings.account(mapping.account)
    try:
        listed = await actito.webhooks(mapping)
    except ConsentSyncError as error:
        return Checked(mapping, unasked=str(error))
    return Checked(mapping, hook_faults(mapping, listed, own.public_url))


async def _repair(actito: "ActitoAccounts", settings: "Settings", one: Checked) -> None:
    from consent_sync.adapters.actito.wire import Hook

    own = settings.account(one.mapping.account)
    if not one.faults:
        return
    if not own.public_url:
        why = "CONSENT_SYNC_PUBLIC_URL is not set, so nobody knows where the webhooks lead"
        raise CommandError(why, WRONG_CONFIGURATION)
    if not own.actito_webhook_secrets:
        why = "CONSENT_SYNC_ACTITO_WEBHOOK_SECRETS is not set, and without one we refuse them"
        raise CommandError(why, WRONG_CONFIGURATION)
    url = own.public_url.rstrip("/") + hook_path(one.mapping)
    for fault in one.faults:
        fields = hook_fields(one.mapping, fault.event)
        hook = Hook(fault.event, url, fields, SECRET_HEADER, own.actito_webhook_secrets[0])
        await actito.of(one.mapping).put_webhook(one.mapping, hook, fault.id)


def _tell(found: Sequence[Checked], *, as_json: bool) -> None:
    if as_json:
        print_json({"mappings": [_plain(one) for one in found]})
        return
    if not found:
        say("No mapping wants webhooks of Actito.")
    for one in found:
        name = f"{one.mapping.name} ({one.mapping.file})"
        if one.unasked:
            say(f"{name}: Actito could not be asked: {one.unasked}", "red")
        elif not one.faults:
            say(f"{name}: all webhooks are there and active", "green")
        for fault in one.faults:
            say(f"{name}: {fault.words}", "red")


def _plain(one: Checked) -> dict[str, object]:
    return {
        "mapping": one.mapping.name,
        "file": one.mapping.file,
        "faults": [
            {"event": fault.event, "words": fault.words, "id": fault.id} for fault in one.faults
        ],
        "unasked": one.unasked,
    }
