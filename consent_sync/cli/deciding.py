"""Gives an operator's word where it can be taken: in the database itself, or by its server's API."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import aiohttp

from consent_sync.adapters.storage.ownership import InUseError
from consent_sync.cli.exits import CommandError
from consent_sync.cli.replaying import TIMEOUT, authorization, server_of
from consent_sync.services.review import MAX_DECIDED, Chosen, Decided, HeldLine

if TYPE_CHECKING:
    from consent_sync.app.settings import Settings


async def decide_all(
    settings: "Settings", found: Sequence[HeldLine], *, approved: bool
) -> tuple[int, int]:
    """Give this word on all of these; return how many were taken and changed; raise CommandError."""
    from consent_sync.app.bootstrap import build

    chosen = [Chosen(one.mapping, one.person, one.line, one.ticket) for one in found]
    pages = [chosen[at : at + MAX_DECIDED] for at in range(0, len(chosen), MAX_DECIDED)]
    application = await build(settings)
    try:
        await application.store.open()
        await application.activation.remember()
        review = application.review
        done = [await review.decide("local", page, approved=approved) for page in pages]
    except InUseError:
        done = await _through_server(settings, pages, "approve" if approved else "reject")
    finally:
        await application.store.close()
        await application.session.close()
    return sum(one.taken for one in done), sum(one.changed for one in done)


async def _through_server(
    settings: "Settings", pages: Sequence[Sequence[Chosen]], word: str
) -> list[Decided]:
    base, headers = server_of(settings), authorization(settings)
    done: list[Decided] = []
    async with aiohttp.ClientSession(timeout=TIMEOUT, headers=headers) as session:
        for page in pages:
            lines = [
                {
                    "mapping": one.mapping,
                    "person": one.person,
                    "line": one.line,
                    "ticket": one.ticket,
                }
                for one in page
            ]
            try:
                async with session.post(
                    base / f"api/v1/held/{word}", json={"lines": lines}
                ) as response:
                    said: dict[str, Any] = await response.json(content_type=None)
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                raise CommandError(
                    f"a server owns the database, but {base} gives no answer of it "
                    f"({type(error).__name__}); check CONSENT_SYNC_LISTEN, or stop the server"
                ) from None
            if response.status != 200:
                raise CommandError(f"the server at {base} refuses: {said.get('detail')}")
            done.append(Decided(said["taken"], said["changed"]))
    return done
