"""`consent-sync backfill`: the choices made before the start, counted first and carried over if asked."""

import asyncio
import dataclasses
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from consent_sync.cli.choice_options import MOST_BAD, ChoiceOptions, show_bad
from consent_sync.cli.exits import FOUND_SOMETHING, WRONG_USAGE, CommandError
from consent_sync.cli.output import AS_JSON, counted, print_json, say
from consent_sync.cli.progress import ProgressLine

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import aiohttp

    from consent_sync.adapters.choice_file import CsvChoices
    from consent_sync.adapters.export_file import ExportFile
    from consent_sync.app.settings import Settings
    from consent_sync.domain.mapping import Mapping
    from consent_sync.ports.clock import Clock
    from consent_sync.ports.door import Door
    from consent_sync.services.backfill import Load


class Source(StrEnum):
    """Where a load comes from."""

    DIDOMI = "didomi"
    ACTITO = "actito"
    CSV = "csv"


@dataclasses.dataclass(frozen=True, slots=True)
class _Wish:
    """What was asked for."""

    source: Source
    export: Path | None
    choices: ChoiceOptions
    may_raise: bool
    share: float | None
    fresh: bool


def command(
    source: Annotated[Source, typer.Option("--from", help="The side whose choices are loaded.")],
    mapping: Annotated[str | None, typer.Option(metavar="NAME", help="Which mapping.")] = None,
    actito_export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="An export of the table; whom to load from Actito."),
    ] = None,
    choices: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --from csv: the file of choices.")
    ] = None,
    *,
    encoding: Annotated[
        str, typer.Option(help="How that file is encoded; UTF-8 if not said.")
    ] = "",
    person_column: Annotated[str, typer.Option(help="Its column with the person.")] = "",
    time_column: Annotated[str, typer.Option(help="Its column with the time.")] = "",
    time_zone: Annotated[
        str, typer.Option(metavar="ZONE", help="Where times without an offset were noted.")
    ] = "",
    yes_word: Annotated[
        list[str] | None, typer.Option(help="One more word for yes in that file; repeatable.")
    ] = None,
    no_word: Annotated[
        list[str] | None, typer.Option(help="One more word for no in that file; repeatable.")
    ] = None,
    may_raise: Annotated[
        bool, typer.Option("--may-raise", help="Carry agreements over too, and not only refusals.")
    ] = False,
    share: Annotated[
        float | None,
        typer.Option(min=0.01, max=1, help="Share of the calls to Actito that may be used."),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget an unfinished run.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Load what a side or a file holds; counts first, does it with --yes, raises with --may-raise."""
    words = (tuple(yes_word or ()), tuple(no_word or ()))
    options = ChoiceOptions(choices, encoding, person_column, time_column, time_zone, *words)
    _refuse(source, actito_export, choices, may_raise=may_raise)
    # Before anything is read: what was asked must make sense.
    options.words()
    options.zone()
    wish = _Wish(source, actito_export, options, may_raise, share, fresh)
    try:
        load, bad = asyncio.run(_backfill(wish, mapping, yes=yes))
    except KeyboardInterrupt:
        raise CommandError("stopped; the same command goes on from here") from None
    if as_json:
        left_out = {"started_at", "what", "place", "ended"}
        told = dataclasses.asdict(load)
        counts = {name: count for name, count in told.items() if name not in left_out}
        print_json(counts | {"bad_rows": bad})
    else:
        _show(load, yes=yes)
        show_bad(load.bad, bad)
    if load.bad:
        raise typer.Exit(FOUND_SOMETHING)


def _refuse(source: Source, export: Path | None, choices: Path | None, *, may_raise: bool) -> None:
    if source is Source.ACTITO and export is None:
        raise CommandError(
            "Actito has no list of profiles: name an export of the table with --actito-export",
            WRONG_USAGE,
        )
    if (source is Source.CSV) != (choices is not None):
        raise CommandError("--from csv and --choices FILE belong together", WRONG_USAGE)
    if source is not Source.ACTITO and export is not None:
        raise CommandError("--actito-export belongs to --from actito", WRONG_USAGE)
    if source is Source.ACTITO and may_raise:
        raise CommandError(
            "Actito does not tell when somebody agreed, so a load from it can only lower; "
            "leave --may-raise out",
            WRONG_USAGE,
        )


def _show(load: "Load", *, yes: bool) -> None:
    say(
        f"{counted(load.people, 'person')} looked at: {counted(load.lowered, 'line')} lowered, "
        f"{load.raised} raised, {counted(load.created, 'profile')} created, {load.held} held for "
        f"a person's word; {load.unchanged} unchanged, {load.unknown} unknown to the other side"
    )
    if load.not_raised:
        say(f"{counted(load.not_raised, 'person')} left alone: something would be raised", "yellow")
    if yes:
        say(f"{counted(load.handed, 'person')} handed to their turns.")
    else:
        say("Nothing was done. Say --yes to do it.")


async def _backfill(wish: _Wish, name: str | None, *, yes: bool) -> "tuple[Load, list[str]]":
    import aiohttp

    from consent_sync.adapters.export_file import read_export
    from consent_sync.cli.doors import door_of
    from consent_sync.cli.surroundings import chosen_mappings, reader_of, settings_here

    settings = settings_here()
    mappings = await chosen_mappings(settings, reader_of(settings), name)
    if len(mappings) > 1:
        raise CommandError("a load is of one mapping: name it with --mapping", WRONG_USAGE)
    [mapping] = mappings
    export = None if wish.export is None else await read_export(wish.export, mapping)
    choices = await wish.choices.read(mapping)
    try:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            if not yes:
                return await _load(settings, mapping, wish, export or choices, session, None)
            async with door_of(settings, mappings, session) as door:
                return await _load(settings, mapping, wish, export or choices, session, door)
    finally:
        if export is not None:
            export.close()


async def _load(
    settings: "Settings",
    mapping: "Mapping",
    wish: _Wish,
    file: "ExportFile | CsvChoices | None",
    session: "aiohttp.ClientSession",
    door: "Door | None",
) -> "tuple[Load, list[str]]":
    from consent_sync.adapters.clock import SystemClock
    from consent_sync.adapters.didomi.webhook import DidomiReceiver
    from consent_sync.adapters.export_file import ExportFile
    from consent_sync.app.bootstrap import platforms
    from consent_sync.app.database import notebook_of
    from consent_sync.app.policies import rules_of
    from consent_sync.app.sparing import sparing
    from consent_sync.cli.surroundings import reader_of
    from consent_sync.services.backfill import Backfill
    from consent_sync.services.file_load import FileLoad
    from consent_sync.services.patience import PatientLists, PatientProfiles

    clock = SystemClock()
    share = settings.sweep_share if wish.share is None else wish.share
    actito, didomi = platforms(sparing(settings, share), session, clock)
    notebook = notebook_of(settings, "backfill")
    try:
        if wish.fresh:
            await notebook.clear()
        backfill = Backfill(
            mapping=mapping,
            lists=PatientLists(didomi, clock),
            profiles=PatientProfiles(actito, clock),
            ledger=reader_of(settings),
            receiver=DidomiReceiver(),
            clock=clock,
            rules=rules_of(settings),
            notebook=notebook,
            door=door,
            may_raise=wish.may_raise,
            on_page=_progress(clock),
        )
        if isinstance(file, ExportFile):
            return await backfill.from_actito(file), []
        if file is None:
            return await backfill.from_didomi(), []
        load = await FileLoad(backfill, file).run()
        return load, [text for _, text in await notebook.found(0, MOST_BAD)]
    finally:
        notebook.close()


def _progress(clock: "Clock") -> "Callable[[Load], Awaitable[None]]":
    line = ProgressLine(clock)

    async def show(load: "Load") -> None:
        line.show(f"{load.people} looked at, {load.lowered} lowered")
        if load.ended:
            line.end()

    return show
