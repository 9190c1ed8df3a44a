"""One line of a person's state as a list of plain values, and back.

Ten lines are read and written with every turn, so this is the hottest part of the codec.
"""

from collections.abc import Mapping
from typing import Any, Final

from consent_sync.adapters.storage.codec_words import (
    CHOICE,
    CHOICE_OF,
    OUTCOME,
    OUTCOME_OF,
    SIDE,
    SIDE_OF,
    SOURCE,
    SOURCE_OF,
)
from consent_sync.domain.consent import Agreed, Guarded, Known, OwnWrite, Statement, Word
from consent_sync.domain.identity import Side, Source
from consent_sync.domain.state import LineState

_NONE: Final[frozenset[Side]] = frozenset()

# How many parts of a line as a rule are not there.
_RARE: Final = 4


def from_line(line: str, value: LineState) -> list[Any]:
    """Return a line and its state as plain values."""
    return [
        line,
        [_from_statement(side, statement) for side, statement in value.latest.items()],
        [
            [
                SIDE[side],
                CHOICE[agreed.choice],
                agreed.as_of,
                1 if agreed.confirmed else 0,
                _from_known(agreed.known),
            ]
            for side, agreed in value.agreed.items()
        ],
        [[SIDE[side], at] for side, at in value.refused_at.items()],
        [
            [
                SIDE[write.side],
                CHOICE[write.choice],
                write.sent_at,
                OUTCOME[write.outcome],
                write.event_id,
                _from_known(write.told),
            ]
            for write in value.writes
        ],
        value.held,
        [[SIDE[side], reason] for side, reason in value.failed.items()],
        value.shape,
        *_from_rare(value),
    ]


def line_of(data: list[Any]) -> LineState:
    """Return the state that `from_line` wrote."""
    # As a rule nothing is unshown and no operator said anything; then nothing is written of it.
    _, latest, agreed, refused_at, writes, held, failed, shape, *more = data
    if len(more) > _RARE:
        raise ValueError("a line holds more than this program knows")
    return LineState(
        {SOURCE_OF[statement[0]]: _statement_of(statement) for statement in latest},
        {SIDE_OF[value[0]]: _agreed_of(value) for value in agreed},
        {SIDE_OF[side]: at for side, at in refused_at} if refused_at else {},
        tuple([_own_write_of(write) for write in writes]),
        held,
        {SIDE_OF[side]: reason for side, reason in failed} if failed else {},
        shape,
        {SIDE_OF[side]: times for side, times in more[0]} if more else {},
        _word_of(more[1]) if len(more) > 1 and more[1] else None,
        Guarded(*more[2]) if len(more) > 2 and more[2] else None,
        frozenset(map(SIDE_OF.__getitem__, more[3])) if len(more) > 3 else _NONE,
    )


def _from_rare(value: LineState) -> list[Any]:
    """Return what as a rule is not there, up to the last thing that is."""
    if not (value.unshown or value.word or value.guarded or value.written_off):
        return []
    guarded = value.guarded
    parts = [
        [[SIDE[side], times] for side, times in value.unshown.items()],
        _from_word(value.word) if value.word else 0,
        [guarded.basis, guarded.reason] if guarded else 0,
        sorted(SIDE[side] for side in value.written_off),
    ]
    while not parts[-1]:
        parts.pop()
    return parts


def _from_known(told: Mapping[Source, Known]) -> list[Any]:
    return [[SOURCE[side], known.id, known.not_after] for side, known in told.items()]


def _from_word(word: Word) -> list[Any]:
    return [word.by, word.at, word.lifts, word.basis, word.seen]


def _word_of(data: list[Any]) -> Word:
    by, at, lifts, basis, seen = data
    return Word(by, at, tuple(lifts), basis, seen)


def _from_statement(side: Source, value: Statement) -> list[Any]:
    dated = value.dated
    return [
        SOURCE[side],
        value.id,
        CHOICE[value.choice],
        dated,
        value.not_before - dated,
        value.not_after - dated,
        value.delay,
        value.evidence,
        SOURCE[value.side],
    ]


def _known_of(data: list[Any]) -> dict[Source, Known]:
    return {SOURCE_OF[side]: Known(id_, not_after) for side, id_, not_after in data}


def _statement_of(data: list[Any]) -> Statement:
    _, id_, choice, dated, before, after, delay, evidence, side = data
    return Statement(
        id_,
        SOURCE_OF[side],
        CHOICE_OF[choice],
        dated + before,
        dated + after,
        dated,
        delay,
        evidence,
    )


def _agreed_of(data: list[Any]) -> Agreed:
    _, choice, as_of, confirmed, known = data
    return Agreed(CHOICE_OF[choice], as_of, _known_of(known) if known else {}, confirmed == 1)


def _own_write_of(data: list[Any]) -> OwnWrite:
    side, choice, sent_at, outcome, event_id, told = data
    return OwnWrite(
        SIDE_OF[side],
        CHOICE_OF[choice],
        sent_at,
        OUTCOME_OF[outcome],
        event_id,
        _known_of(told) if told else {},
    )
