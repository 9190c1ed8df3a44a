"""Repairs what a comparison has found, by the same turns as everything else.

The person's Didomi users come in as their webhooks would have brought them, and a webhook that
names only the profile asks for a look at it. The rules decide what follows.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from consent_sync.domain.consent import Choice
from consent_sync.domain.mapping import Mapping as MappingFile
from consent_sync.domain.moments import Micros
from consent_sync.domain.plan import HELD
from consent_sync.ports.board import Board
from consent_sync.ports.door import Door
from consent_sync.services.scan import Found, Progress

_NOTICE: Final = "swept"
_BEGUN: Final = "swept, begun"


@dataclass(frozen=True, slots=True)
class Tally:
    """What was found, in people; and in lines what repairing it raises and lowers.

    `strangers` are left alone: nothing was known of them, so agreements of theirs are a first load,
    which has to be asked for. `created` counts profiles, `repaired` people handed to their turns.
    """

    differing: int = 0
    raised: int = 0
    lowered: int = 0
    created: int = 0
    held: int = 0
    strangers: int = 0
    repaired: int = 0

    def plus(self, **more: int) -> "Tally":
        """Return the tally with these added."""
        return replace(self, **{name: getattr(self, name) + count for name, count in more.items()})


async def note_sweep(board: Board, differing: int) -> None:
    """Tell the other replicas and the next start what a whole sweep came to; raise StoreError."""
    version, _ = await board.notice(_NOTICE)
    await board.pin(_NOTICE, version, json.dumps(differing).encode())


async def note_begin(board: Board, at: Micros) -> None:
    """Tell the other replicas when the sweep began that is whole now; raise StoreError."""
    version, _ = await board.notice(_BEGUN)
    await board.pin(_BEGUN, version, json.dumps(at).encode())


async def last_begin(board: Board) -> Micros | None:
    """Return when the last whole sweep of any replica began, None before the first."""
    _, body = await board.notice(_BEGUN)
    return int(json.loads(body)) if body else None


async def last_sweep(board: Board) -> int | None:
    """Return how many people the last whole sweep found to differ, None before the first."""
    _, body = await board.notice(_NOTICE)
    return int(json.loads(body)) if body else None


def weighed(found: Found) -> Tally:
    """Return what repairing one person would do."""
    raised = sum(len(one.writes) for one in found.differences if one.proposed is Choice.GRANTED)
    lowered = sum(len(one.writes) for one in found.differences if one.proposed is Choice.DENIED)
    if raised and not found.known:
        return Tally(differing=1, strangers=1)
    held = sum(one.verdict in HELD for one in found.differences)
    created = int(found.creates and bool(raised or lowered))
    return Tally(1, raised, lowered, created, held)


def asks_for_a_turn(found: Found) -> bool:
    """Say whether a turn would do anything: write, or hold a line that is not held yet."""
    weight = weighed(found)
    news = any(one.verdict in HELD and not one.held for one in found.differences)
    return bool(weight.raised or weight.lowered or (news and not weight.strangers))


class Repair:
    """Counts everybody who is found and, with a door, hands them to their turns."""

    def __init__(
        self, mappings: Callable[[], Mapping[str, MappingFile]], door: Door | None
    ) -> None:
        self._mappings = mappings
        self._door = door
        self.tally = Tally()

    async def take(self, found: Found) -> None:
        """Count one person and hand them over; raises what the door raises."""
        weight = weighed(found)
        mapping = self._mappings().get(found.subject.mapping)
        handed = self._door is not None and mapping is not None and asks_for_a_turn(found)
        if handed and self._door is not None and mapping is not None:
            if found.bodies:
                await self._door.didomi(mapping, found.bodies)
            hint = json.dumps({mapping.key_attribute: found.key}).encode()
            await self._door.actito(mapping, (hint,))
        self.tally = self.tally.plus(
            differing=1,
            raised=weight.raised,
            lowered=weight.lowered,
            created=weight.created,
            held=weight.held,
            strangers=weight.strangers,
            repaired=int(handed),
        )

    def whole(self, progress: Progress) -> Tally:
        """Return the tally of a comparison at its end, with whoever differed before it went on.

        What was raised, lowered and handed over then was told then.
        """
        return replace(self.tally, differing=progress.counts.differing)
