"""Compares everybody on both sides, page by page; whoever differs is looked at a second time.

Nothing is written to a platform here. What two lists show at different moments proves nothing, so a
difference counts only when both sides, read anew, still show it and nothing waits for the person.
"""

import asyncio
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from hashlib import blake2b
from typing import Final

from consent_sync.domain.compare import (
    Sides,
    differences,
    held_in_didomi,
)
from consent_sync.domain.errors import ConsentSyncError
from consent_sync.domain.events import DidomiItem, Item, ProfileMissing, ProfileReading
from consent_sync.domain.identity import (
    Names,
    Side,
    Subject,
    unresolved_person,
)
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.state import PersonState
from consent_sync.ports.lists import CursorError
from consent_sync.ports.notebook import Notebook
from consent_sync.services.drafts import actito_keys
from consent_sync.services.first_look import (
    EMPTIED,
    Eyes,
    LookedPage,
    looked_pages,
)
from consent_sync.services.looking import read_profiles
from consent_sync.services.scan import (
    DONE,
    KNOWN,
    LISTED,
    Counts,
    Found,
    Place,
    Progress,
    fits,
    found_text,
    new_progress,
    progress_from,
    progress_text,
)

KNOWN_AT_ONCE: Final = 200
"""How many of the people we know are taken from the store at once."""

EMPTIED_AT_LEAST: Final = 20
"""So few who seem to have lost everything are never a reason to stop."""

EMPTIED_SHARE: Final = 0.2
"""Above this share, of all compared or of one page, a side is not believed to have lost so many."""

MAX_RESTARTS: Final = 5
"""How often a list may be read from its beginning because its cursor was refused."""

OnFound = Callable[[Found], Awaitable[None]]
OnPage = Callable[[Progress], Awaitable[None]]


class LooksEmptyError(ConsentSyncError):
    """A side shows nothing where much was known: that is no finding, but a reason to stop."""


async def _nothing(_: object) -> None:
    return None


class Comparison:
    """One comparison of all given mappings, from where the notebook says it is to its end."""

    def __init__(
        self,
        eyes: Eyes,
        mappings: Sequence[Mapping],
        notebook: Notebook,
        *,
        on_found: OnFound | None = None,
        on_page: OnPage | None = None,
        believe_empty: bool = False,
    ) -> None:
        self._eyes = eyes
        self._mappings = mappings
        self._notebook = notebook
        self._on_found = on_found or _nothing
        self._on_page = on_page or _nothing
        self._believe_empty = believe_empty

    async def run(self) -> Progress:
        """Compare until everybody has been looked at; raises LooksEmptyError and what looking raises.

        Whatever it raises, the next run goes on behind the last whole page.
        """
        progress = await self._begin()
        for mapping in self._mappings:
            progress = await self._listed(mapping, progress)
            progress = await self._known(mapping, progress)
        return progress

    async def _begin(self) -> Progress:
        text = await self._notebook.read()
        if text is not None:
            progress = progress_from(text)
            if fits(progress, self._mappings) and not progress.complete:
                return progress
            await self._notebook.clear()
        progress = new_progress(self._mappings, self._eyes.clock.now())
        await self._notebook.note(progress_text(progress))
        return progress

    # --- whom Didomi lists -----------------------------------------------------------------------

    async def _listed(self, mapping: Mapping, progress: Progress) -> Progress:
        place = progress.places[mapping.name]
        while place.stage == LISTED:
            pages = looked_pages(self._eyes, mapping, place.cursor)
            try:
                async with aclosing(pages):
                    async for page in pages:
                        progress, place = await self._page(mapping, page, progress, place)
            except CursorError:
                progress, place = await self._again(mapping, progress, place)
        return progress

    async def _again(
        self, mapping: Mapping, progress: Progress, place: Place
    ) -> tuple[Progress, Place]:
        """Read the list from its beginning; whoever was found stays found once."""
        if place.restarts >= MAX_RESTARTS:
            raise LooksEmptyError(
                f"{mapping.name}: Didomi refused the place in its list {MAX_RESTARTS + 1} times; "
                "its list cannot be read to the end at this pace"
            )
        place = Place(place.version, restarts=place.restarts + 1)
        progress = progress.with_place(mapping.name, place)
        await self._notebook.note(progress_text(progress))
        return progress, place

    async def _page(
        self, mapping: Mapping, page: LookedPage, progress: Progress, place: Place
    ) -> tuple[Progress, Place]:
        here = _summed(one.counted for one in page.looks)
        counts = place.counts.plus(guests=page.guests, **here)
        # Before a conclusion is drawn from any of them; the page is read again the next time.
        for side, name in EMPTIED.items():
            now = here.get(name, 0), len(page.looks)
            self._refuse_emptied(mapping, side, now, (getattr(counts, name), counts.compared))
        suspects = {one.subject: one.ouid for one in page.looks if one.suspect}
        found, counts = await self._judge_all(mapping, suspects, counts)
        place = replace(
            place, cursor=page.cursor, counts=counts, stage=KNOWN if page.cursor is None else LISTED
        )
        progress = progress.with_place(mapping.name, place)
        await self._keep(progress, {one.subject for one in page.looks}, found)
        return progress, place

    # --- whom we know beside that ----------------------------------------------------------------

    async def _known(self, mapping: Mapping, progress: Progress) -> Progress:
        place = progress.places[mapping.name]
        while place.stage == KNOWN:
            people = await self._eyes.ledger.people(place.after, KNOWN_AT_ONCE)
            ours = [(one, state) for _, one, state in people if one.mapping == mapping.name]
            unseen = await self._notebook.unseen([_key(one) for one, _ in ours])
            beside = [(one, state) for one, state in ours if _key(one) in unseen]
            gone = {
                one: state.names.ouid for one, state in beside if held_in_didomi(state, mapping)
            }
            counts = place.counts.plus(no_user=len(gone), only_actito=len(beside) - len(gone))
            # Before a conclusion is drawn from any of them.
            now, ever = (len(gone), len(ours)), (counts.no_user, counts.compared + counts.no_user)
            self._refuse_emptied(mapping, Side.DIDOMI, now, ever)
            judged = gone
            if mapping.create_in_didomi:
                # Whom only Actito knows is somebody to write of then.
                judged = {one: state.names.ouid for one, state in beside}
            found, counts = await self._judge_all(mapping, judged, counts)
            after = people[-1][0] if people else place.after
            place = replace(place, after=after, counts=counts, stage=KNOWN if people else DONE)
            progress = progress.with_place(mapping.name, place)
            await self._keep(progress, (), found)
        return progress

    # --- the second look -------------------------------------------------------------------------

    async def _judge_all(
        self, mapping: Mapping, suspects: dict[Subject, str], counts: Counts
    ) -> tuple[list[Found], Counts]:
        judged = await asyncio.gather(
            *(self._judge(mapping, subject, ouid) for subject, ouid in suspects.items())
        )
        found = [one for one in judged if isinstance(one, Found) and one.differences]
        waiting = sum(one is None for one in judged)
        return found, counts.plus(differing=len(found), under_way=waiting)

    async def _judge(self, mapping: Mapping, subject: Subject, ouid: str) -> Found | None:
        """Look at both sides and the ledger anew; None when something waits for this person."""
        eyes, context = self._eyes, self._eyes.context(mapping, subject)
        settled = await eyes.ledger.person(subject)
        state = settled or PersonState(names=Names(ouid=ouid))
        spellings = tuple(dict.fromkeys(one for one in (*state.spellings, ouid) if one))
        looks = [await eyes.lists.look_at_user(mapping, one) for one in spellings]
        seen = await read_profiles(eyes.profiles, mapping, state, context)
        if await self._waits(mapping, subject, state):
            return None
        now = eyes.clock.now()
        shown: list[Item] = []
        for arrival in (arrival for look in looks for arrival in look.shown):
            content = eyes.receiver.understand(arrival.body)
            if isinstance(content, DidomiItem):
                shown.append(Item(0, now, content))
        sides = Sides(tuple(look.seen for look in looks), seen)
        context = self._eyes.context(mapping, subject)
        return Found(
            subject,
            ouid,
            now,
            differences(state, shown, sides, context),
            known=settled is not None,
            creates=isinstance(seen, ProfileMissing),
            bodies=tuple(arrival.body for look in looks for arrival in look.shown),
            key=_key_of(seen) or actito_keys(state, context)[0],
        )

    async def _waits(self, mapping: Mapping, subject: Subject, state: PersonState) -> bool:
        ledger = self._eyes.ledger
        if await ledger.waiting(subject):
            return True
        number = state.names.profile_id
        return bool(
            number and await ledger.waiting(Subject(mapping.name, unresolved_person(number)))
        )

    # --- parts -----------------------------------------------------------------------------------

    def _refuse_emptied(
        self, mapping: Mapping, side: Side, now: tuple[int, int], ever: tuple[int, int]
    ) -> None:
        """Raise LooksEmptyError where too many of a page, or of all so far, lost what they held."""
        for gone, compared in () if self._believe_empty else (now, ever):
            if gone > EMPTIED_AT_LEAST and gone > EMPTIED_SHARE * compared:
                raise LooksEmptyError(
                    f"{mapping.name}: {side.value.capitalize()} shows nothing any more for {gone} "
                    f"of {compared} people of whom it held choices; that looks like a fault and "
                    "not like choices, so the comparison stopped. Check the key's rights, the "
                    "table and the organisation; then run it again"
                )

    async def _keep(
        self, progress: Progress, seen: Iterable[Subject], found: Sequence[Found]
    ) -> None:
        for one in found:
            await self._on_found(one)
        await self._notebook.note(
            progress_text(progress),
            seen=[_key(one) for one in seen],
            found=[(_key(one.subject), found_text(one)) for one in found],
        )
        await self._on_page(progress)


def _summed(counted: Iterable[tuple[str, ...]]) -> dict[str, int]:
    return dict(Tally(name for names in counted for name in names))


def _key_of(seen: ProfileReading | ProfileMissing) -> str:
    return seen.names.actito_key if isinstance(seen, ProfileReading) else ""


def _key(subject: Subject) -> bytes:
    # Not the names themselves: the notebook needs to recognise people, not to name them.
    return blake2b("\n".join(subject).encode(), digest_size=16).digest()
