"""`consent-sync dead-letters`: what was given up, found, tried again or put away."""

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from consent_sync.cli.exits import FOUND_SOMETHING, WRONG_USAGE, CommandError
from consent_sync.cli.output import AS_JSON, counted, moment, print_json, say, show_table

if TYPE_CHECKING:
    from consent_sync.services.dead_letters import DeadLetter, DeadLetterWish

app = typer.Typer(no_args_is_help=True, help="What was given up: list, show, try again, put away.")

_Ids = Annotated[
    list[str] | None, typer.Argument(metavar="[ID]...", help="Dead letters by their ids.")
]
_Person = Annotated[
    str | None,
    typer.Option(metavar="ID", help="Only this person: Didomi's user ID or Actito's unique key."),
]
_Mapping = Annotated[str | None, typer.Option(metavar="NAME", help="Only this mapping.")]
_Line = Annotated[str | None, typer.Option(metavar="ID", help="Only this line.")]
_Error = Annotated[
    str | None, typer.Option(metavar="TEXT", help="Only where the reason has this text in it.")
]
_Since = Annotated[
    str | None, typer.Option(metavar="WHEN", help="Only what failed since: 7d, 2026-03-01.")
]
_Until = Annotated[str | None, typer.Option(metavar="WHEN", help="Only what failed before that.")]
_All = Annotated[bool, typer.Option("--all", help="All dead letters.")]
_Yes = Annotated[bool, typer.Option("--yes", help="Do it, after the counts.")]
_Json = Annotated[bool, AS_JSON]

_COUNTS_FIRST = (
    "Shows counts and does nothing without --yes. The exit code is 1 when one has changed meanwhile"
    " and was left alone."
)


@app.command("list")
def list_letters(
    *,
    person: _Person = None,
    mapping: _Mapping = None,
    line: _Line = None,
    error: _Error = None,
    since: _Since = None,
    until: _Until = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 50,
    as_json: _Json = False,
) -> None:
    """List what could not be written or read and is not tried any more, and why.

    The exit code is 1 when there is any.
    """
    found = asyncio.run(_found(_wish(person, mapping, line, error, since, until)))
    if as_json:
        from consent_sync.web.dead_letters import dead_letter_view

        shown = [dead_letter_view(one) for one in found[:limit]]
        print_json({"total": len(found), "letters": shown})
    elif not found:
        say("There are no dead letters.")
    else:
        _show_counts(found)
        _show(found[:limit])
        if len(found) > limit:
            say(f"... and {len(found) - limit} more; --limit shows more of them.")
    if found:
        raise typer.Exit(FOUND_SOMETHING)


@app.command("show")
def show(
    which: Annotated[str, typer.Argument(metavar="ID", help="A dead letter by its id.")],
    person: _Person = None,
    as_json: _Json = False,
) -> None:
    """Show one dead letter: what was to be written or read, and what the platform answered.

    With many people it is quicker to name the person, too.
    """
    found = _named(asyncio.run(_found(_wish(person, None, None, None, None, None))), [which])
    one = found[0]
    if as_json:
        from consent_sync.web.dead_letters import dead_letter_view

        print_json(dead_letter_view(one))
        return
    say(f"dead letter {one.id} of {one.person} in {one.mapping}", "bold")
    if one.line:
        side = "" if one.side is None else one.side.value.capitalize()
        say(f"    {one.choice.value} on line {one.line} could not be written to {side}")
    else:
        say(f"    event {one.event} came to nothing; `events show {one.event}` shows it")
    say(f"    {one.reason}")
    say(f"    failed at {'-' if one.failed_at is None else moment(one.failed_at)} (UTC)")


def _deciding(name: str, what: str, *, again: bool) -> None:
    """Add one of the two commands that decide; they differ in the word that is given."""

    @app.command(name, help=f"{what}\n\n{_COUNTS_FIRST}")
    def decide(
        ids: _Ids = None,
        *,
        person: _Person = None,
        mapping: _Mapping = None,
        line: _Line = None,
        error: _Error = None,
        since: _Since = None,
        until: _Until = None,
        everything: _All = False,
        yes: _Yes = False,
        as_json: _Json = False,
    ) -> None:
        wish = _wish(person, mapping, line, error, since, until)
        _decide(wish, ids or [], everything=everything, again=again, yes=yes, as_json=as_json)


_deciding(
    "replay",
    "Try dead letters again, each in a new turn of its person that looks before it writes.",
    again=True,
)
_deciding(
    "purge",
    "Put dead letters away: nothing is written, and they are counted no more.",
    again=False,
)


def _decide(
    wish: "DeadLetterWish",
    ids: list[str],
    *,
    everything: bool,
    again: bool,
    yes: bool,
    as_json: bool,
) -> None:
    from consent_sync.services.dead_letters import DeadLetterWish

    if (wish == DeadLetterWish() and not ids) is not everything:
        raise CommandError(
            "say what is meant: ids, --person, --mapping, --line, --error, --since or --until; "
            "or --all alone",
            WRONG_USAGE,
        )
    found = asyncio.run(_found(wish))
    found = _named(found, ids) if ids else found
    taken, changed = _given(found, again=again) if yes and found else (0, 0)
    if as_json:
        print_json(
            {"letters": len(found), "persons": _persons(found), "taken": taken, "changed": changed}
        )
    elif not found:
        say("There are no dead letters that this is about.")
    else:
        _show_counts(found)
        _say_done(taken, again=again, yes=yes)
        if changed:
            say(f"{counted(changed, 'dead letter')} left alone: changed meanwhile.", "yellow")
    if changed:
        raise typer.Exit(FOUND_SOMETHING)


def _say_done(taken: int, *, again: bool, yes: bool) -> None:
    if not yes:
        say("Nothing was done. Say --yes to do it.", "yellow")
    elif again:
        say(f"{counted(taken, 'dead letter')} tried again; the turns of their people come now.")
    else:
        say(f"{counted(taken, 'dead letter')} put away.")


def _given(found: "list[DeadLetter]", *, again: bool) -> tuple[int, int]:
    from consent_sync.cli.deciding import decide_letters
    from consent_sync.cli.surroundings import settings_here

    return asyncio.run(decide_letters(settings_here(), found, again=again))


def _named(found: "list[DeadLetter]", ids: list[str]) -> "list[DeadLetter]":
    known = {one.id: one for one in found}
    strange = [one for one in ids if one not in known]
    if strange:
        raise CommandError(f"there is no dead letter {', '.join(strange)}", WRONG_USAGE)
    return [known[one] for one in dict.fromkeys(ids)]


def _wish(
    person: str | None,
    mapping: str | None,
    line: str | None,
    error: str | None,
    since: str | None,
    until: str | None,
) -> "DeadLetterWish":
    from consent_sync.adapters.clock import SystemClock
    from consent_sync.cli.since import moment_since
    from consent_sync.services.dead_letters import DeadLetterWish

    now = SystemClock().now()
    return DeadLetterWish(
        person,
        mapping,
        line,
        error,
        None if since is None else moment_since(since, now),
        None if until is None else moment_since(until, now, "--until"),
    )


async def _found(wish: "DeadLetterWish") -> "list[DeadLetter]":
    from consent_sync.app.policies import rules_of
    from consent_sync.cli.surroundings import mappings_in_force, reader_of, settings_here
    from consent_sync.services.dead_letters import DeadLetterLook

    settings = settings_here()
    reader = reader_of(settings)
    mappings = await mappings_in_force(settings, reader)
    look = DeadLetterLook(reader, mappings, rules_of(settings))
    return [one async for one in look.found(wish)]


def _show(found: "list[DeadLetter]") -> None:
    show_table(
        ("id", "failed (UTC)", "person", "mapping", "what", "why"),
        [
            (
                one.id,
                "-" if one.failed_at is None else moment(one.failed_at),
                one.person,
                one.mapping,
                _what(one),
                one.reason,
            )
            for one in found
        ],
    )


def _what(one: "DeadLetter") -> str:
    if one.side is None:
        return f"event {one.event}"
    return f"{one.line} {one.choice.value} to {one.side.value}"


def _show_counts(found: "list[DeadLetter]") -> None:
    counts = Counter(
        (one.mapping, one.line or "(event)", one.side.value if one.side else "-", one.choice.value)
        for one in found
    )
    show_table(
        ("mapping", "line", "not written to", "choice", "people"),
        [(*place, str(number)) for place, number in sorted(counts.items())],
    )
    refusals = sum(one.choice.value == "denied" for one in found)
    say(f"{counted(len(found), 'dead letter')} of {counted(_persons(found), 'person')}.")
    if refusals:
        say(f"{counted(refusals, 'refusal')} among them not carried over.", "red")


def _persons(found: "list[DeadLetter]") -> int:
    return len({(one.mapping, one.person) for one in found})
