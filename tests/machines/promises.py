"""The promises of the rules as checks on a whole history, and the histories that no rule can close.

The names of those are the headings of docs/explanation/consent-rules.md.
"""

from collections import Counter
from dataclasses import dataclass, field

from consent_sync.domain.consent import Choice
from consent_sync.domain.identity import Side
from consent_sync.domain.mapping import Line, SyncMode
from consent_sync.domain.moments import SECOND, Micros
from consent_sync.domain.state import LineState
from tests.machines.truth import MAX_DELAY, NO, TOLERANCE, YES, Done, Place, Said, Truth

MARGIN = 2 * TOLERANCE

LOST = "A lost refusal, and an unclear agreement of ours that lands after it"
ECHO = "A refusal that looks like the echo of our own"
NOTHING_DONE = "A write answered with success that did nothing, and a late webhook"
SECOND_NO = "A second refusal in Didomi that no event tells of"
CLOCKS = "Clocks that differ by more than the tolerance"
OPEN = (LOST, ECHO, NOTHING_DONE, SECOND_NO, CLOCKS)


@dataclass
class Conditions:
    """What makes some histories open: how the clocks differ, which writes were not carried out."""

    skew: Micros = 0
    users_only: bool = False
    did_nothing: set[Side] = field(default_factory=set)
    unheard: set[str] = field(default_factory=set)
    """Lines that were not mapped, or not read, while somebody may have chosen."""


@dataclass
class Judge:
    """Checks promises at the end of a history; counts what it checked and what it had to excuse."""

    truth: Truth
    conditions: Conditions
    checked: Counter[str] = field(default_factory=Counter)
    excused: Counter[str] = field(default_factory=Counter)
    broken: list[object] = field(default_factory=list)

    def agree(self, place: Place, line: Line, known: LineState) -> None:
        """Promise 1: both sides hold the same on every two-way line, or it is held for review."""
        if line.sync not in {SyncMode.TWO_WAY, SyncMode.TWO_WAY_STRICT}:
            return
        if not known.latest or known.held or known.failed or line.id in self.conditions.unheard:
            return
        held = self.truth.holds(place)
        # Nothing creates a Didomi user; a topic that was never chosen there is not in its list.
        if not self.truth.platforms.didomi.world.users.of(place[0]):
            return
        if excuse := self._why_apart(place):
            self.excused[f"open: {excuse}"] += 1
            return
        self.checked["promise 1: both sides agree"] += 1

        assert (held[Side.DIDOMI] is YES) is (held[Side.ACTITO] is YES), (place, held)

    def _why_apart(self, place: Place) -> str:
        if self.conditions.did_nothing:
            return NOTHING_DONE
        return ""

    def no_comeback(self, place: Place, line: Line, known: LineState) -> None:
        """Promise 2: where the newest choice is a no, no write of ours brings a yes after it."""
        newest = self.truth.newest(place)
        if newest is None or newest.choice is not NO:
            return
        raised = {one.side for one in self.truth.raised(place) if one.at >= newest.at}
        two_way = line.sync is SyncMode.TWO_WAY and line.id not in self.conditions.unheard
        if two_way and known.latest and not (known.held or known.failed):
            # Nothing keeps the no from being written, so no yes of hers is left either.
            raised = set() if self.truth.is_lost(place, newest) and not raised else set(Side)
        back = [side for side in raised if self.truth.holds(place)[side] is YES]
        if back and (excuse := self.open_history(place, newest)):
            self.excused[f"open: {excuse}"] += 1
            return
        self.checked["promise 2: a withdrawn consent does not come back"] += 1

        assert not back, (place, newest, back)

    def raised_over(self, place: Place, done: Done, before: Choice) -> None:
        """Promise 2, at every write: a no that has arrived is not written over.

        It counts in `broken`, for nothing is raised amid a turn.
        """
        newest = self.truth.newest(place)
        if done.choice is not YES or before is not NO or newest is None:
            return
        self.checked["promise 2: no yes over the newest no"] += 1
        if newest.choice is not NO or newest.side is not done.side:
            return
        looked = self.truth.looked.get((place[0], done.side), 0)
        if newest.at < looked and self.truth.has_arrived(place, newest):
            excuse = self.open_history(place, newest)
            self.excused[f"open: {excuse}"] += bool(excuse)
            self.broken += [] if excuse else [(place, done, newest)]

    def nothing_made_up(self, place: Place) -> None:
        """Promises 3 and 6: nothing is granted without a grant, none never becomes a choice."""
        said = {one.choice for one in self.truth.said.get(place, ())}
        self.checked["promise 3: nothing is granted without a grant"] += 1
        self.checked["promise 6: none stays none"] += 1

        assert YES in said or not self.truth.raised(place), place
        assert said or not self.truth.wrote.get(place), place

    def open_history(self, place: Place, newest: Said) -> str:
        """Return the name of the open history that a newest no is part of, empty for none."""
        if self._clocks(place, newest):
            return CLOCKS
        if self.conditions.did_nothing:
            return NOTHING_DONE
        lost = self.truth.is_lost(place, newest)
        if newest.side is Side.DIDOMI:
            if not newest.changed and (lost or self.conditions.users_only):
                return SECOND_NO
            return ""
        if lost and self._overrun(place, newest):
            return LOST
        if self._as_echo(place, newest):
            return ECHO
        return ""

    def _overrun(self, place: Place, newest: Said) -> list[Done]:
        return [
            one
            for one in self.truth.raised(place)
            if one.side is Side.ACTITO and one.at >= newest.at
        ]

    def _as_echo(self, place: Place, newest: Said) -> bool:
        ours = [one for one in self.truth.tried.get(place, ()) if one.choice is NO]
        return any(
            write.at <= heard.at <= write.at + MAX_DELAY and heard.at >= newest.at
            for write in ours
            for heard in self.truth.heard.get(place, ())
            if heard.choice is NO
        )

    def _clocks(self, place: Place, newest: Said) -> bool:
        """Say whether Didomi's clock puts a yes after this no, or this no before a yes."""
        skew = self.conditions.skew
        if abs(skew) <= SECOND:
            return False
        grants = [one for one in self.truth.said[place] if one.choice is YES]
        if newest.side is Side.DIDOMI:
            return any(
                one.side is Side.ACTITO and one.at > newest.at + skew - MARGIN for one in grants
            )
        return any(one.side is Side.DIDOMI and one.at + skew > newest.at - MARGIN for one in grants)
