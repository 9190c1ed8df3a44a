"""The first, cheap look at everybody whom Didomi lists: page by page, the next ones meanwhile.

Nothing is concluded from it; it says who deserves a second look.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Coroutine
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from consent_sync.domain.compare import Gap, Sides, emptied, foretold, gap
from consent_sync.domain.events import ProfileMissing
from consent_sync.domain.identity import Names, Normalise, Side, Subject, person_from_ouid
from consent_sync.domain.lines import Context
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import PersonState
from consent_sync.ports.clock import Clock
from consent_sync.ports.lists import ConsentLists, ListedUser, ProfileSource, UserList
from consent_sync.ports.receiver import DidomiReceiver
from consent_sync.ports.store import Ledger
from consent_sync.services.intake import real
from consent_sync.services.looking import read_profiles

Result = TypeVar("Result")

AHEAD: Final = 2
"""How many pages are looked at side by side, so that no call waits for the last one of a page."""

EMPTIED: Final = {Side.ACTITO: "emptied", Side.DIDOMI: "emptied_didomi"}
"""How people are counted who seem to have lost everything that a side held."""


@dataclass(frozen=True, slots=True)
class Eyes:
    """What a comparison looks with. `cheap` may be an export; `profiles` is always the platform."""

    lists: ConsentLists
    profiles: ProfileSource
    cheap: ProfileSource
    ledger: Ledger
    receiver: DidomiReceiver
    clock: Clock
    rules: Rules

    def context(self, mapping: Mapping, subject: Subject) -> Context:
        """Return whom it is about, under which rules, at this moment."""
        return Context(subject, mapping, self.rules, self.clock.now())


@dataclass(frozen=True, slots=True)
class Look:
    """What a first look at one record came to: the names it counts under, and whether it differs."""

    subject: Subject
    ouid: str
    counted: tuple[str, ...]
    suspect: bool = False


@dataclass(frozen=True, slots=True)
class LookedPage:
    """One page of Didomi's list, everybody on it looked at; `cursor` None is the end."""

    looks: tuple[Look, ...]
    guests: int
    cursor: str | None


async def looked_pages(
    eyes: Eyes, mapping: Mapping, cursor: str | None
) -> AsyncGenerator[LookedPage, None]:
    """Yield the pages of Didomi's list from a place on, in their order.

    Raises what looking raises, CursorError too, but not before the pages ahead of it are yielded.
    To be closed, because it looks at later pages meanwhile.
    """
    ahead: deque[asyncio.Task[LookedPage]] = deque()
    listing: asyncio.Task[UserList] | None = _begin(eyes.lists.list_users(mapping, cursor))
    try:
        while listing is not None or ahead:
            while listing is not None and len(ahead) < AHEAD:
                await asyncio.wait([listing])
                if ahead and listing.exception() is not None:
                    break
                page = listing.result()
                ahead.append(_begin(_looked(eyes, mapping, page)))
                further = page.cursor
                listing = (
                    None if further is None else _begin(eyes.lists.list_users(mapping, further))
                )
            yield await ahead.popleft()
    finally:
        begun: list[asyncio.Task[Any]] = [*ahead, *([] if listing is None else [listing])]
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)


def _begin(work: Coroutine[Any, Any, Result]) -> "asyncio.Task[Result]":
    return asyncio.get_running_loop().create_task(work)


async def _looked(eyes: Eyes, mapping: Mapping, page: UserList) -> LookedPage:
    pairs = _with_person(mapping, page)
    states = await eyes.ledger.states(list(dict.fromkeys(subject for subject, _ in pairs)))
    looks = await asyncio.gather(
        *(_look(eyes, mapping, one, user, states.get(one)) for one, user in pairs)
    )
    return LookedPage(tuple(looks), page.guests, page.cursor)


async def _look(
    eyes: Eyes, mapping: Mapping, subject: Subject, user: ListedUser, state: PersonState | None
) -> Look:
    known = state or PersonState(names=Names(ouid=user.ouid))
    context = eyes.context(mapping, subject)
    if mapping.normalise is Normalise.SHA256 and not known.names.actito_key:
        return Look(subject, user.ouid, ("hash_only",))
    seen = await read_profiles(eyes.cheap, mapping, known, context)
    sides = Sides((user.seen,), seen)
    bare = emptied(known, sides, mapping)
    counted = ("compared", *(EMPTIED[side] for side in bare))
    if isinstance(seen, ProfileMissing):
        suspect = mapping.upsert_mode or Side.ACTITO in bare
        return Look(subject, user.ouid, (*counted, "no_profile"), suspect)
    apart = gap(sides, mapping)
    suspect = (
        Side.ACTITO in bare
        or apart is Gap.STRONG
        or (apart is Gap.WEAK and _planned(known, sides, context))
    )
    return Look(subject, user.ouid, counted, suspect)


def _planned(state: PersonState, sides: Sides, context: Context) -> bool:
    _, plan = foretold(state, (), sides, context)
    return bool(plan.actito or plan.didomi)


def _with_person(mapping: Mapping, page: UserList) -> list[tuple[Subject, ListedUser]]:
    """Every record of the page with its person; one person may have several records."""
    pairs = [
        (Subject(mapping.name, person_from_ouid(user.ouid, mapping.normalise)), user)
        for user in page.users
    ]
    return [pair for pair in pairs if real(pair[0].person)]
