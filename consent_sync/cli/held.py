"""`consent-sync held`: what waits for a person's word, and giving it."""

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from consent_sync.cli.exits import FOUND_SOMETHING, WRONG_USAGE, CommandError
from consent_sync.cli.explain import look, show_line
from consent_sync.cli.output import AS_JSON, counted, moment, print_json, say, show_table

if TYPE_CHECKING:
    from consent_sync.services.lookup import MappingView
    from consent_sync.services.review import HeldLine, HeldWish, ReviewLook

app = typer.Typer(no_args_is_help=True, help="What waits for a person's word: list, show, decide.")

_Person = Annotated[
    str | None,
    typer.Option(metavar="ID", help="Only this person: Didomi's user ID or Actito's unique key."),
]
_Mapping = Annotated[str | None, typer.Option(metavar="NAME", help="Only this mapping.")]
_Line = Annotated[str | None, typer.Option(metavar="ID", help="Only this line.")]
_Since = Annotated[
    str | None, typer.Option(metavar="WHEN", help="Only agreements given since: 7d, 2026-03-01.")
]
_Until = Annotated[
    str | None, typer.Option(metavar="WHEN", help="Only agreements given before that.")
]
_Conflicts = Annotated[
    bool,
    typer.Option(
        "--conflicts", help="Also lines where a refusal counts because nobody knows what came last."
    ),
]
_All = Annotated[bool, typer.Option("--all", help="Everything that is held.")]
_Yes = Annotated[bool, typer.Option("--yes", help="Do it, after the counts.")]
_Json = Annotated[bool, AS_JSON]

_COUNTS_FIRST = (
    "Shows counts and does nothing without --yes. The exit code is 1 when something held has"
    " changed meanwhile and was left alone."
)


@app.command("list")
def list_held(
    person: _Person = None,
    mapping: _Mapping = None,
    line: _Line = None,
    since: _Since = None,
    until: _Until = None,
    conflicts: _Conflicts = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 50,
    as_json: _Json = False,
) -> None:
    """List agreements that are not carried over until somebody decides, and why."""
    found = asyncio.run(_held(_wish(person, mapping, line, since, until, conflicts=conflicts)))
    if as_json:
        from consent_sync.web.review import held_view

        print_json({"total": len(found), "lines": [held_view(one) for one in found[:limit]]})
        return
    if not found:
        say("Nothing is held.")
        return
    _show(found[:limit])
    if len(found) > limit:
        say(f"... and {len(found) - limit} more; --limit shows more of them.")


@app.command("show")
def show(
    person: Annotated[
        str, typer.Argument(help="Didomi's organization user ID, or the unique key in Actito.")
    ],
    as_json: _Json = False,
) -> None:
    """Show what is held of one person, with what both sides hold and last said."""
    from consent_sync.cli.surroundings import settings_here

    found = asyncio.run(_held(_wish(person, None, None, None, None, conflicts=True)))
    view, _ = asyncio.run(look(settings_here(), person, None, 1))
    lines = {(one.mapping, one.line): one for one in found}
    if as_json:
        import dataclasses

        from consent_sync.web.review import held_view

        people = {one.mapping: one for one in view.mappings}
        sides = {(one.mapping, line.line): line for one in view.mappings for line in one.lines}
        print_json(
            [
                {
                    **held_view(one),
                    "state": dataclasses.asdict(sides[key]),
                    "ouids": people[one.mapping].ouids,
                    "profiles": [dataclasses.asdict(each) for each in people[one.mapping].profiles],
                }
                for key, one in lines.items()
            ]
        )
        return
    if not lines:
        say("Nothing is held of this person.")
    for one in view.mappings:
        for line in one.lines:
            held = lines.get((one.mapping, line.line))
            if held is not None:
                say(f"{one.mapping}", "bold")
                _show_profiles(one)
                show_line(line, one)
                say(f"    Not carried over to {held.side.value.capitalize()}: {held.reason}")


def _deciding(name: str, what: str, *, approved: bool) -> None:
    """Add one of the two commands that decide; they differ in the word that is given."""

    @app.command(name, help=f"{what}\n\n{_COUNTS_FIRST}")
    def decide(
        person: _Person = None,
        mapping: _Mapping = None,
        line: _Line = None,
        since: _Since = None,
        until: _Until = None,
        *,
        conflicts: _Conflicts = False,
        everything: _All = False,
        yes: _Yes = False,
        as_json: _Json = False,
    ) -> None:
        wish = _wish(person, mapping, line, since, until, conflicts=conflicts)
        _decide(wish, everything=everything, approved=approved, yes=yes, as_json=as_json)


_deciding(
    "approve",
    "Lift the doubt: the agreement is carried over, unless a newer refusal is found on the way.",
    approved=True,
)
_deciding(
    "reject",
    "Let the refusal stand: on both sides, until the person chooses anew.",
    approved=False,
)


def _decide(
    wish: "HeldWish", *, everything: bool, approved: bool, yes: bool, as_json: bool
) -> None:
    from consent_sync.services.review import HeldWish

    if (wish == HeldWish(conflicts=wish.conflicts)) is not everything:
        raise CommandError(
            "say what is meant: --person, --mapping, --line, --since or --until; or --all alone",
            WRONG_USAGE,
        )
    found = asyncio.run(_held(wish))
    taken, changed = _given(found, approved=approved) if yes and found else (0, 0)
    if as_json:
        counts = {"held": len(found), "persons": _persons(found)}
        print_json({**counts, "taken": taken, "changed": changed})
    else:
        _show_counts(found, approved=approved)
        if yes and found:
            word = "approved" if approved else "rejected"
            say(f"{counted(taken, 'line')} {word}; the turns of their people come now.")
        elif found:
            say("Nothing was done. Say --yes to do it.", "yellow")
        if changed:
            say(f"{counted(changed, 'line')} left alone: it is not as it was shown.", "yellow")
    if changed:
        raise typer.Exit(FOUND_SOMETHING)


def _given(found: "list[HeldLine]", *, approved: bool) -> tuple[int, int]:
    from consent_sync.cli.deciding import decide_all
    from consent_sync.cli.surroundings import settings_here

    return asyncio.run(decide_all(settings_here(), found, approved=approved))


def _wish(
    person: str | None,
    mapping: str | None,
    line: str | None,
    since: str | None,
    until: str | None,
    *,
    conflicts: bool,
) -> "HeldWish":
    from consent_sync.adapters.clock import SystemClock
    from consent_sync.cli.since import moment_since
    from consent_sync.services.review import HeldWish

    now = SystemClock().now()
    return HeldWish(
        person,
        mapping,
        line,
        None if since is None else moment_since(since, now),
        None if until is None else moment_since(until, now, "--until"),
        conflicts,
    )


async def _held(wish: "HeldWish") -> "list[HeldLine]":
    return [one async for one in (await _look()).held(wish)]


async def _look() -> "ReviewLook":
    from consent_sync.adapters.clock import SystemClock
    from consent_sync.app.policies import rules_of
    from consent_sync.cli.surroundings import mappings_in_force, reader_of, settings_here
    from consent_sync.services.review import ReviewLook

    settings = settings_here()
    reader = reader_of(settings)
    mappings = await mappings_in_force(settings, reader)
    return ReviewLook(reader, mappings, rules_of(settings), SystemClock())


def _show(found: "list[HeldLine]") -> None:
    show_table(
        ("person", "mapping", "line", "agreed (UTC)", "not carried to", "why"),
        [
            (
                one.person,
                one.mapping,
                one.line,
                "-" if one.agreed_at is None else moment(one.agreed_at),
                one.side.value,
                f"{one.verdict}: {one.reason}",
            )
            for one in found
        ],
    )


def _show_profiles(one: "MappingView") -> None:
    """Tell who comes to this person, where that is more than one on a side."""
    if len(one.ouids) > 1:
        say(f"    Didomi users: {', '.join(one.ouids)}", "yellow")
    if len(one.profiles) > 1:
        named = [f"{each.actito_key or '?'} ({each.profile_id or '?'})" for each in one.profiles]
        say(f"    Actito profiles: {', '.join(named)}", "yellow")


def _show_counts(found: "list[HeldLine]", *, approved: bool) -> None:
    if not found:
        say("Nothing is held that this is about.")
        return
    counts = Counter((one.mapping, one.line, one.side.value, one.verdict.value) for one in found)
    what = "would be raised on" if approved else "stays refused on"
    show_table(
        ("mapping", "line", what, "held as", "people"),
        [(*place, str(number)) for place, number in sorted(counts.items())],
    )
    say(f"{counted(len(found), 'line')} of {_persons(found)} people.")


def _persons(found: "list[HeldLine]") -> int:
    return len({(one.mapping, one.person) for one in found})
