"""Small steps on one line's state: a statement added, a holding learnt, a refusal seen."""

from collections.abc import Mapping as MappingView
from dataclasses import field
from enum import Enum, auto
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from consent_sync.domain.consent import (
    Agreed,
    Choice,
    Known,
    OwnWrite,
    Pick,
    Statement,
    WriteOutcome,
)
from consent_sync.domain.identity import Side, Source, Subject
from consent_sync.domain.ledger import Write
from consent_sync.domain.mapping import Line, Mapping, SyncMode
from consent_sync.domain.moments import OPEN, Micros
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import HeldList, LineState, PersonState, Presence, Several
from consent_sync.domain.values import dataclass, replaced
from consent_sync.domain.verdicts import Entry, Verdict

REMEMBERED_WRITES: Final = 12
"""How many writes of ours on one side a line remembers at most."""

UNSURE: Final = frozenset({WriteOutcome.UNCLEAR, WriteOutcome.IN_FLIGHT})
"""Outcomes after which a write may have landed, or may still land."""


class Stop(NamedTuple):
    """Why a line rests: what it names has vanished on this side."""

    side: Side
    reason: str


NO_STOPS: Final[MappingView[str, Stop]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Context:
    """Whose turn it is, under which rules, at which moment.

    `stops` are the lines that rest, `paused` the sides to which nothing is written for now.
    """

    subject: Subject
    mapping: Mapping
    rules: Rules
    now: Micros
    stops: MappingView[str, Stop] = field(default_factory=lambda: NO_STOPS)
    paused: frozenset[Side] = frozenset()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What taking in one fact led to.

    `verdict` is None while the rest of the turn decides it; `touched` names the lines that got a
    new statement. `doubtful` asks for a look at Didomi, because what it shows may be older than a
    write of ours.
    """

    state: PersonState
    entries: tuple[Entry, ...] = ()
    verdict: Verdict | None = None
    reason: str = ""
    touched: frozenset[str] = frozenset()
    doubtful: bool = False


class Added(Enum):
    """What became of what an item says about a line."""

    NEW = auto()
    KNOWN = auto()
    OLDER = auto()
    NOT_COUNTED = auto()
    DOUBTFUL = auto()
    CONFIRMED = auto()
    NOT_TAKEN = auto()
    PENDING = auto()


def can_grant(mode: SyncMode, side: Source) -> bool:
    """Say whether a yes of this side counts on a line of this mode."""
    if mode is SyncMode.TO_ACTITO:
        return side is not Side.ACTITO
    if mode is SyncMode.TO_DIDOMI:
        return side is not Side.DIDOMI
    return True


def line_state(state: PersonState, line: Line) -> LineState:
    """Return the state of a line, blank when nothing is known of it in its present shape."""
    known = state.lines.get(line.id)
    return known if known is not None and known.shape == line.shape else _blank(line.shape)


@lru_cache(maxsize=1_000)
def _blank(shape: str) -> LineState:
    """Made once per shape: every turn asks for it many times."""
    return LineState(shape=shape)


def with_line(state: PersonState, line: Line, changed: LineState) -> PersonState:
    """Return the person with one line replaced."""
    return replaced(state, lines={**state.lines, line.id: changed})


def add_statement(line: Line, known: LineState, said: Statement) -> tuple[LineState, Added]:
    """Take a statement in where it is its side's newest.

    Didomi's statements are ordered by Didomi's dates, equal dates: denied, and those of files by
    the dates in them. Actito's are ordered as they were seen, which one turn at a time makes
    certain.
    """
    if said.choice is Choice.GRANTED and not can_grant(line.sync, said.side):
        return known, Added.NOT_COUNTED
    latest = known.latest.get(said.side)
    if latest is not None:
        if latest.id == said.id and latest.choice is said.choice:
            return tried_again(known), Added.KNOWN
        if said.side is not Side.ACTITO and said.dated < latest.dated:
            return known, Added.OLDER
        if said.side is not Side.ACTITO and said.dated == latest.dated:
            if latest.choice is said.choice:
                return tried_again(_with_latest(known, _narrowed(latest, said))), Added.KNOWN
            if said.choice is Choice.GRANTED:
                return known, Added.OLDER
    return (
        replaced(
            known,
            latest={**known.latest, said.side: said},
            held="",
            failed={},
            unshown={},
            written_off=frozenset(),
            # An operator's word was about what had been said until then.
            word=None,
            guarded=None,
        ),
        Added.NEW,
    )


def tried_again(known: LineState) -> LineState:
    """Return the line without its failures: what is said once more is tried once more."""
    return replaced(known, failed={}, unshown={}) if known.failed else known


def _narrowed(latest: Statement, said: Statement) -> Statement:
    """Return a statement with what a second telling of it says about when it was made."""
    if said.not_before <= latest.not_before:
        return latest
    return replaced(latest, not_before=said.not_before, delay=min(latest.delay, said.delay))


def _with_latest(known: LineState, said: Statement) -> LineState:
    if known.latest[said.side] is said:
        return known
    return replaced(known, latest={**known.latest, said.side: said})


def with_agreed(
    known: LineState, side: Side, choice: Choice, as_of: Micros, *, confirmed: bool = True
) -> LineState:
    """Return the line with what this side holds; it still knows what it was told before."""
    before = known.agreed.get(side)
    agreed = Agreed(choice, as_of, before.known if before else {}, confirmed)
    return replaced(known, agreed={**known.agreed, side: agreed})


def with_refusal(known: LineState, side: Side, at: Micros) -> LineState:
    """Return the line with a moment at which this side was seen to hold a no."""
    if at <= known.refused_at.get(side, at - 1):
        return known
    return replaced(known, refused_at={**known.refused_at, side: at})


def delayed_by_first_sight(known: LineState, side: Side, at: Micros) -> LineState:
    """Return the line with the other sides' grants aged by a first sight of a no on this side.

    Nobody knows when that no was made. So a grant made longer ago than `late_after` must count
    as late beside it, however promptly the grant itself was received.
    """
    aged = {
        other: replaced(said, delay=max(said.delay, at - said.not_before))
        for other, said in known.latest.items()
        if other is not side and said.choice is Choice.GRANTED
    }
    return replaced(known, latest={**known.latest, **aged}) if aged else known


def age_beside_first_sight(known: LineState, side: Side, not_before: Micros) -> Micros:
    """Return how old a grant on this side may have been when a no was last seen on the other.

    What `delayed_by_first_sight` is for a grant that was known before that sight this is for one
    that is told of only later; 0 where the no is explained.
    """
    ages = (
        seen_at - not_before
        for other, seen_at in known.refused_at.items()
        if other is not side and _is_unexplained(known, other)
    )
    return max(ages, default=0)


def _is_unexplained(known: LineState, side: Side) -> bool:
    """Say whether this side holds a no that nobody told us of and that we did not write."""
    agreed, latest = known.agreed.get(side), known.latest.get(side)
    told = latest is not None and latest.choice is Choice.DENIED
    held = agreed is not None and agreed.choice is Choice.DENIED and not agreed.known
    return held and not told and not own_writes(known, side, Choice.DENIED)


def lifted(not_before: Micros, agreed: Agreed, rules: Rules) -> Micros:
    """Return `not_before` moved just past every statement that this side's state reflects.

    What we wrote, they knew: a change after our write took is newer than all it reflected.
    """
    past = (said.not_after + rules.tolerance + 1 for said in agreed.known.values())
    return max(not_before, *past) if agreed.known else not_before


def own_writes(known: LineState, side: Side, choice: Choice) -> tuple[OwnWrite, ...]:
    """Return our remembered writes of this choice on this side."""
    return tuple(write for write in known.writes if write.side is side and write.choice is choice)


def unsure_write(known: LineState, side: Side, choice: Choice) -> bool:
    """Say whether a write of ours whose outcome is unclear may have put this choice there."""
    return any(write.outcome in UNSURE for write in own_writes(known, side, choice))


def resolved(known: LineState, side: Side, choice: Choice) -> LineState:
    """Return the line with our writes of this choice confirmed: the side shows it.

    What a write that turns out to have taken had carried there is known there from now on. Where
    an answered write explains what is shown, an unclear one may still land, and stays unclear.
    """
    writes = own_writes(known, side, choice)
    answered = [write for write in writes if write.outcome is WriteOutcome.SENT]
    unclear = [write for write in writes if write.outcome in UNSURE]
    took = answered or unclear
    if not took:
        return known
    told: dict[Source, Known] = {}
    for write in took:
        told.update(write.told)
    before = known.agreed.get(side) or Agreed(choice, OPEN, confirmed=False)
    agreed = replaced(before, known={**before.known, **told})
    ended = tuple(
        replaced(write, outcome=WriteOutcome.CONFIRMED) if write in took else write
        for write in known.writes
    )
    unshown = known.unshown
    if before.choice is choice:
        unshown = {other: times for other, times in unshown.items() if other is not side}
    return replaced(known, writes=ended, agreed={**known.agreed, side: agreed}, unshown=unshown)


def doubtful(known: LineState, side: Side) -> bool:
    """Say whether a write of ours to this side never got a clear answer."""
    return any(write.side is side and write.outcome in UNSURE for write in known.writes)


def unconfirmed(known: LineState, side: Side) -> bool:
    """Say whether only an answered write of ours says what this side holds."""
    agreed = known.agreed.get(side)
    return agreed is not None and not agreed.confirmed


def fold_write(state: PersonState, write: Write, context: Context) -> PersonState:
    """Take in a write of ours: answered, unclear, or refused for good.

    An unclear write changes no belief; it stays a possible cause of what is seen later.
    """
    by_id = {line.id: line for line in context.mapping.lines}
    changed: dict[str, LineState] = {}
    for written in write.lines:
        line = by_id.get(written.line)
        if line is not None:
            known = changed.get(line.id) or line_state(state, line)
            changed[line.id] = _line_after_write(known, write, written.choice, context)
    if changed:
        state = replaced(state, lines={**state.lines, **changed})
    if write.attributes and (write.outcome is WriteOutcome.SENT or write.failure):
        # Refused values count as sent too: they are not tried again until they change.
        state = replaced(state, sent={**state.sent, **dict(write.attributes)})
    if write.outcome is not WriteOutcome.SENT:
        return state
    if write.side is Side.ACTITO:
        names = state.names
        if write.profile_id not in {"", names.profile_id}:
            names = replaced(names, profile_id=write.profile_id)
        several = _made_even(state.several, write)
        return replaced(state, profile=Presence.PRESENT, names=names, several=several)
    state = replaced(state, user=Presence.PRESENT)
    if write.lists:
        lists = {
            Pick(purpose, preference): HeldList(frozenset(options), write.dated)
            for purpose, preference, options in write.lists
        }
        state = replaced(state, picks={**state.picks, **lists})
    return state


def _made_even(several: Several | None, write: Write) -> Several | None:
    """A write goes to all profiles of a person: they hold the same on its lines."""
    if several is None or not several.uneven:
        return several
    return replaced(several, uneven=several.uneven - {one.line for one in write.lines})


def _remembered(writes: list[OwnWrite], side: Side) -> tuple[OwnWrite, ...]:
    """Return the writes, the last of which is new, without those too many on its side.

    What may still land stays a possible cause for longer than what was answered.
    """
    here = [one for one in writes if one.side is side]
    spare = len(here) - REMEMBERED_WRITES
    if spare <= 0:
        return tuple(writes)
    gone = sorted(here[:-1], key=lambda one: one.outcome in UNSURE)[:spare]
    return tuple(one for one in writes if not any(one is other for other in gone))


def _line_after_write(
    known: LineState, write: Write, choice: Choice, context: Context
) -> LineState:
    if write.failure:
        failed = {**known.failed, write.side: write.failure}
        return replaced(known, failed=failed, written_off=known.written_off - {write.side})
    horizon = write.sent_at - 2 * context.rules.webhook_max_delay
    told = {
        other: Known(said.id, said.not_after)
        for other, said in known.latest.items()
        if other is not write.side
    }
    own = OwnWrite(write.side, choice, write.sent_at, write.outcome, write.event_id, told)
    recent = [one for one in known.writes if one.sent_at >= horizon or one.outcome in UNSURE]
    kept = _remembered([*recent, own], write.side)
    if write.outcome is not WriteOutcome.SENT:
        return replaced(known, writes=kept)
    before = known.agreed.get(write.side)
    agreed = Agreed(
        choice, write.dated, {**(before.known if before else {}), **told}, confirmed=False
    )
    known = replaced(
        known,
        writes=kept,
        agreed={**known.agreed, write.side: agreed},
        held="",
        unshown={**known.unshown, write.side: known.unshown.get(write.side, 0) + 1},
    )
    return with_refusal(known, write.side, write.dated) if choice is Choice.DENIED else known
