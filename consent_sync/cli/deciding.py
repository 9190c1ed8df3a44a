"""Gives an operator's word where it can be taken: in the database itself, or by its server's API."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from consent_sync.adapters.storage.ownership import InUseError
from consent_sync.cli.replaying import OPERATORS, ask_server
from consent_sync.services.review import MAX_DECIDED, Chosen, Decided, HeldLine

if TYPE_CHECKING:
    from consent_sync.app.application import Application
    from consent_sync.app.settings import Settings
    from consent_sync.services.dead_letters import DeadLetter

_Page = list[dict[str, str]]


async def decide_all(
    settings: "Settings", found: Sequence[HeldLine], *, approved: bool
) -> tuple[int, int]:
    """Give this word on all of these; return how many were taken and changed; raise CommandError."""

    async def here(application: "Application", page: _Page) -> Decided:
        chosen = [Chosen(**one) for one in page]
        return await application.review.decide("local", chosen, approved=approved)

    fields = ("mapping", "person", "line", "ticket")
    shown = [{name: getattr(one, name) for name in fields} for one in found]
    path = f"api/v1/held/{'approve' if approved else 'reject'}"
    return await _decide(settings, shown, here, path, "lines")


async def decide_letters(
    settings: "Settings", found: "Sequence[DeadLetter]", *, again: bool
) -> tuple[int, int]:
    """Have these dead letters tried again or put away; return and raise as `decide_all` does."""
    from consent_sync.services.dead_letters import ChosenLetter

    async def here(application: "Application", page: _Page) -> Decided:
        chosen = [ChosenLetter(**one) for one in page]
        return await application.dead_letters.decide("local", chosen, again=again)

    shown = [{name: getattr(one, name) for name in ("mapping", "person", "id")} for one in found]
    path = f"api/v1/dead-letters/{'replay' if again else 'purge'}"
    return await _decide(settings, shown, here, path, "letters")


async def _decide(
    settings: "Settings",
    shown: _Page,
    here: "Callable[[Application, _Page], Awaitable[Decided]]",
    path: str,
    of: str,
) -> tuple[int, int]:
    from consent_sync.cli.surroundings import built

    pages = [shown[at : at + MAX_DECIDED] for at in range(0, len(shown), MAX_DECIDED)]
    application = await built(settings)
    try:
        await application.store.open()
        await application.activation.remember()
        done = [await here(application, page) for page in pages]
    except InUseError:
        answers = [await ask_server(settings, path, {of: page}, OPERATORS) for page in pages]
        done = [Decided(said["taken"], said["changed"]) for said in answers]
    finally:
        await application.store.close()
        await application.session.close()
    return sum(one.taken for one in done), sum(one.changed for one in done)
