"""`consent-sync pause` and `resume`: nothing is written to a side for a while, and nothing is lost."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from consent_sync.adapters.storage.ownership import InUseError
from consent_sync.cli.exits import WRONG_USAGE, CommandError
from consent_sync.cli.output import AS_JSON, counted, moment_of, print_json, say
from consent_sync.domain.identity import Side

if TYPE_CHECKING:
    from collections.abc import Collection

_To = Annotated[
    Side | None, typer.Option("--to", metavar="SIDE", help="Only writing to actito, or to didomi.")
]
_Mapping = Annotated[str | None, typer.Option(metavar="NAME", help="Only this mapping.")]
_Json = Annotated[bool, AS_JSON]


def pause(to: _To = None, mapping: _Mapping = None, as_json: _Json = False) -> None:
    """Write nothing to a side until `resume`: choices come in and wait, refusals too.

    It holds at once where the service runs in this database, within seconds on its replicas, and
    over every restart. A write that is under way is finished.
    """
    done = asyncio.run(_do("pause", to, mapping))
    if as_json:
        print_json(done)
        return
    _show(done["paused"])
    say(
        "Refusals wait, too: until `resume`, the other side may go on as if nobody had said no.",
        "red",
    )


def resume(
    to: _To = None,
    mapping: _Mapping = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it, after the counts.")] = False,
    as_json: _Json = False,
) -> None:
    """Write again: everybody who waited has their turn now, refusals first.

    Without --mapping the pauses of single mappings end, too. Shows counts and does nothing
    without --yes.
    """
    found = asyncio.run(_look())
    done = asyncio.run(_do("resume", to, mapping)) if yes else {"ended": 0, **found}
    if as_json:
        print_json(done)
        return
    if not yes:
        _show(found["paused"])
        say(f"{counted(found['waiting_turns'], 'turn')} waiting.")
        if found["paused"]:
            say("Nothing was done. Say --yes to write again.", "yellow")
        return
    say(f"{counted(done['ended'], 'pause')} ended; the turns that waited come now.")
    if done["paused"]:
        _show(done["paused"])


def _show(paused: list[dict[str, Any]]) -> None:
    if not paused:
        say("Nothing is paused.")
    for one in paused:
        where = "all mappings" if one["mapping"] is None else f"mapping {one['mapping']}"
        since = f"since {moment_of(one['since'])} (UTC) by {one['by']}"
        say(f"Writing to {one['to'].capitalize()} is paused for {where}, {since}.", "yellow")


async def _look() -> dict[str, Any]:
    from consent_sync.cli.surroundings import reader_of, settings_here
    from consent_sync.services.pauses import NOTICE, pauses_in
    from consent_sync.web.standstill import pauses_view

    reader = reader_of(settings_here())
    pauses = pauses_in((await reader.notice(NOTICE)).body)
    waiting = (await reader.status()).waiting_turns
    return {"paused": pauses_view(pauses), "waiting_turns": waiting}


async def _do(word: str, to: Side | None, mapping: str | None) -> dict[str, Any]:
    from consent_sync.cli.replaying import OPERATORS, ask_server
    from consent_sync.cli.surroundings import built, settings_here
    from consent_sync.web.standstill import pauses_view

    settings = settings_here()
    application = await built(settings)
    try:
        await application.store.open()
        await application.activation.remember()
        standstill = application.standstill
        sides = tuple(Side) if to is None else (to,)
        ended = 0
        if word == "resume":
            ended = await standstill.resume(sides, mapping or "")
        else:
            _expect(mapping, application.mappings.current().keys())
            await standstill.pause(sides, mapping or "", "local")
        paused = pauses_view(standstill.pauses.current)
        return {"ended": ended, "paused": paused} if word == "resume" else {"paused": paused}
    except InUseError:
        asked: dict[str, object] = {"to": to, "mapping": mapping}
        return await ask_server(settings, f"api/v1/{word}", asked, OPERATORS)
    finally:
        await application.store.close()
        await application.session.close()


def _expect(mapping: str | None, in_force: "Collection[str]") -> None:
    if mapping is not None and mapping not in in_force:
        names = ", ".join(sorted(in_force)) or "none"
        raise CommandError(f"no mapping is named {mapping}; in force: {names}", WRONG_USAGE)
