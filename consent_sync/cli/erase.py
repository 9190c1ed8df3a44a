"""`consent-sync erase`: remove a person for good, so that nothing brings them back."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from consent_sync.cli.exits import WRONG_USAGE, CommandError
from consent_sync.cli.output import AS_JSON, counted, moment, print_json, say
from consent_sync.domain.erasure import BY_COMMAND, DeletionPolicy

if TYPE_CHECKING:
    from consent_sync.app.settings import Settings
    from consent_sync.services.erasure import Found

Done = dict[str, object]


def command(
    person: Annotated[str, typer.Argument(help="The person's organisation user id.")],
    lift: Annotated[
        bool, typer.Option("--lift", help="Let an erased person come back instead.")
    ] = False,
    policy: Annotated[
        DeletionPolicy,
        typer.Option(help="What happens in Didomi and in Actito before the person is erased here."),
    ] = DeletionPolicy.KEEP,
    yes: Annotated[bool, typer.Option("--yes", help="Do it, after the counts.")] = False,
    as_json: Annotated[bool, AS_JSON] = False,
) -> None:
    """Remove a person and keep them out; shows counts and does nothing without --yes."""
    if lift and policy is not DeletionPolicy.KEEP:
        raise CommandError("--lift undoes nothing in Didomi or Actito", WRONG_USAGE)
    found, done = asyncio.run(_erase(person, policy, lift=lift, yes=yes))
    if as_json:
        print_json({"found": found, "done": done})
        return
    _show(found)
    if done is None:
        say("Nothing was done. Say --yes to do it.", "yellow")
    elif lift:
        say(
            "Lifted: this person may come back." if done["lifted"] else "There was nothing to lift."
        )
    elif "leaving" in done:
        say(
            f"Asked for in {counted(int(str(done['leaving'])), 'mapping')}: first what the policy says "
            "is done on both sides, by the service or at its next start, then the person is erased."
        )
    else:
        say(f"Erased, with what {counted(int(str(done['events'])), 'event')} said.")
        say("What else names this person is searched in the background; ask again to see.")


def _show(found: "Found") -> None:
    say(
        f"known in {counted(found.persons, 'mapping')}: {counted(found.records, 'record')}, "
        f"{found.waiting} waiting"
    )
    if found.leaving:
        say(f"still leaves both sides in {counted(found.leaving, 'mapping')}")
    if found.erased_at is not None:
        searched = "the search for the rest goes on"
        if found.cleared_at is not None:
            searched = f"nothing was left on {moment(found.cleared_at)} UTC"
        say(f"erased since {moment(found.erased_at)} UTC; {searched}")


async def _erase(
    person: str, policy: DeletionPolicy, *, lift: bool, yes: bool
) -> "tuple[Found, Done | None]":
    from consent_sync.app.database import marks_of
    from consent_sync.cli.surroundings import mappings_in_force, reader_of, settings_here
    from consent_sync.services.erasure import ErasureLook

    settings = settings_here()
    reader = reader_of(settings)
    mappings = await mappings_in_force(settings, reader)
    found = await ErasureLook(reader, mappings, await marks_of(settings)).look(person)
    return found, await _do(settings, person, policy, lift=lift) if yes else None


async def _do(settings: "Settings", person: str, policy: DeletionPolicy, *, lift: bool) -> Done:
    from consent_sync.adapters.storage.ownership import InUseError
    from consent_sync.cli.replaying import ask_server
    from consent_sync.cli.surroundings import built

    application = await built(settings)
    erasure = application.erasing.erasure
    try:
        await application.store.open()
        await application.activation.remember()
        await erasure.begin()
        if lift:
            return {"lifted": await erasure.lift(person)}
        if policy is not DeletionPolicy.KEEP:
            return {"leaving": await erasure.ask(person, policy, BY_COMMAND)}
        removed = await erasure.erase(person)
        await erasure.clear()
        return dict(removed._asdict())
    except InUseError:
        asked: Done = {"person": person, "lift": lift, "policy": policy.value}
        return await ask_server(settings, "api/v1/erasures", asked)
    finally:
        await application.store.close()
        await application.session.close()
