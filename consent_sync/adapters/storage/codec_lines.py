"""One line of a person's state as a list of plain values, and back.

Ten lines are read and written with every turn, so this is the hottest part of the codec.
"""

from collections.abc import Callable, Mapping
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


def _slots(cls: Any) -> list[Callable[[Any, Any], None]]:
    """Return what sets each field of a dataclass with slots, in the order of its fields."""
    return [getattr(cls, name).__set__ for name in cls.__slots__]


# A frozen dataclass sets its fields through a detour that makes up half the cost of reading a
# state; these set the slots directly. A class that gains a field fails here, at import.
_new: Final = object.__new__
_NONE: Final[frozenset[Side]] = frozenset()
_id, _side, _choice, _not_before, _not_after, _dated, _delay, _evidence = _slots(Statement)
_known_id, _known_not_after = _slots(Known)
_agreed_choice, _as_of, _agreed_known, _confirmed = _slots(Agreed)
_write_side, _write_choice, _sent_at, _outcome, _event_id, _told = _slots(OwnWrite)
_latest, _agreed, _refused_at, _writes, _held, _failed, _shape, *_rare = _slots(LineState)
_unshown, _word, _guarded, _written_off = _rare


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
    if len(more) > len(_rare):
        raise ValueError("a line holds more than this program knows")
    line = _new(LineState)
    _latest(line, {SOURCE_OF[statement[0]]: _statement_of(statement) for statement in latest})
    _agreed(line, {SIDE_OF[value[0]]: _agreed_of(value) for value in agreed})
    _refused_at(line, {SIDE_OF[side]: at for side, at in refused_at} if refused_at else {})
    _writes(line, tuple([_own_write_of(write) for write in writes]))
    _held(line, held)
    _failed(line, {SIDE_OF[side]: reason for side, reason in failed} if failed else {})
    _shape(line, shape)
    _unshown(line, {SIDE_OF[side]: times for side, times in more[0]} if more else {})
    _word(line, _word_of(more[1]) if len(more) > 1 and more[1] else None)
    _guarded(line, Guarded(*more[2]) if len(more) > 2 and more[2] else None)
    _written_off(line, frozenset(map(SIDE_OF.__getitem__, more[3])) if len(more) > 3 else _NONE)
    return line


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
    told = {}
    for side, id_, not_after in data:
        told[SOURCE_OF[side]] = known = _new(Known)
        _known_id(known, id_)
        _known_not_after(known, not_after)
    return told


def _statement_of(data: list[Any]) -> Statement:
    _, id_, choice, dated, before, after, delay, evidence, side = data
    statement = _new(Statement)
    _id(statement, id_)
    _side(statement, SOURCE_OF[side])
    _choice(statement, CHOICE_OF[choice])
    _not_before(statement, dated + before)
    _not_after(statement, dated + after)
    _dated(statement, dated)
    _delay(statement, delay)
    _evidence(statement, evidence)
    return statement


def _agreed_of(data: list[Any]) -> Agreed:
    _, choice, as_of, confirmed, known = data
    agreed = _new(Agreed)
    _agreed_choice(agreed, CHOICE_OF[choice])
    _as_of(agreed, as_of)
    _agreed_known(agreed, _known_of(known) if known else {})
    _confirmed(agreed, confirmed == 1)
    return agreed


def _own_write_of(data: list[Any]) -> OwnWrite:
    side, choice, sent_at, outcome, event_id, told = data
    write = _new(OwnWrite)
    _write_side(write, SIDE_OF[side])
    _write_choice(write, CHOICE_OF[choice])
    _sent_at(write, sent_at)
    _outcome(write, OUTCOME_OF[outcome])
    _event_id(write, event_id)
    _told(write, _known_of(told) if told else {})
    return write
