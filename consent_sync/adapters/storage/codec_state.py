"""A person's state as lists of plain values, and back.

Positions instead of names, one-letter words, and dates as distances from each other keep it
short: a state is read and written with every turn.
"""

from collections.abc import Mapping
from typing import Any, Final

from consent_sync.domain.consent import (
    Agreed,
    Choice,
    Known,
    OwnWrite,
    Pick,
    Statement,
    WriteOutcome,
)
from consent_sync.domain.identity import Names, Side
from consent_sync.domain.profile import Scalar
from consent_sync.domain.state import HeldList, LineState, PersonState, Presence, Wanted

SIDE: Final = {Side.DIDOMI: "d", Side.ACTITO: "a"}
CHOICE: Final = {Choice.GRANTED: "g", Choice.DENIED: "d", Choice.NONE: "n"}
OUTCOME: Final = {
    WriteOutcome.IN_FLIGHT: "i",
    WriteOutcome.SENT: "s",
    WriteOutcome.UNCLEAR: "u",
    WriteOutcome.CONFIRMED: "c",
}
PRESENCE: Final = {Presence.UNKNOWN: "u", Presence.PRESENT: "p", Presence.MISSING: "m"}

SIDE_OF: Final = {code: side for side, code in SIDE.items()}
CHOICE_OF: Final = {code: choice for choice, code in CHOICE.items()}
OUTCOME_OF: Final = {code: outcome for outcome, code in OUTCOME.items()}
PRESENCE_OF: Final = {code: presence for presence, code in PRESENCE.items()}

_INTEGERS_OF_JSON: Final = range(-(2**63), 2**63)


def scalar(value: Scalar) -> Any:
    """Return a value as JSON can carry it; numbers JSON cannot carry travel as `[text]`."""
    if type(value) is int:
        return value if value in _INTEGERS_OF_JSON else [str(value)]
    if type(value) is float:
        # Infinity and not-a-number have no place in JSON.
        return value if value - value == 0 else [repr(value), "f"]
    return value


def scalar_of(data: Any) -> Scalar:
    """Return the value that `scalar` wrote."""
    if type(data) is list:
        return float(data[0]) if len(data) == 2 else int(data[0])
    value: Scalar = data
    return value


def from_state(state: PersonState) -> list[Any]:
    """Return a state as plain values."""
    names = state.names
    return [
        [names.ouid, names.actito_key, names.profile_id],
        PRESENCE[state.profile],
        PRESENCE[state.user],
        [_from_line(line, value) for line, value in state.lines.items()],
        [[name, scalar(w.value), w.dated] for name, w in state.wanted.items()],
        [[name, scalar(value)] for name, value in state.sent.items()],
        [
            [pick.purpose, pick.preference, sorted(held.options), held.dated]
            for pick, held in state.picks.items()
        ],
        list(state.pending.items()),
        state.spellings,
    ]


def state_of(data: list[Any]) -> PersonState:
    """Return the state that `from_state` wrote."""
    names, profile, user, lines, wanted, sent, picks, pending, spellings = data
    return PersonState(
        Names(*names),
        PRESENCE_OF[profile],
        PRESENCE_OF[user],
        {line[0]: _line_of(line) for line in lines},
        {name: Wanted(scalar_of(value), dated) for name, value, dated in wanted},
        {name: scalar_of(value) for name, value in sent},
        {
            Pick(purpose, preference): HeldList(frozenset(options), dated)
            for purpose, preference, options, dated in picks
        },
        dict(pending),
        tuple(spellings),
    )


def _from_line(line: str, value: LineState) -> list[Any]:
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
    ]


def _line_of(data: list[Any]) -> LineState:
    _, latest, agreed, refused_at, writes, held, failed, shape = data
    return LineState(
        {SIDE_OF[statement[0]]: _statement_of(statement) for statement in latest},
        {
            SIDE_OF[side]: Agreed(
                CHOICE_OF[choice],
                as_of,
                _known_of(known),
                confirmed == 1,
            )
            for side, choice, as_of, confirmed, known in agreed
        },
        {SIDE_OF[side]: at for side, at in refused_at},
        tuple([_own_write_of(*write) for write in writes]),
        held,
        {SIDE_OF[side]: reason for side, reason in failed},
        shape,
    )


def _from_known(told: Mapping[Side, Known]) -> list[Any]:
    return [[SIDE[side], known.id, known.not_after] for side, known in told.items()]


def _known_of(data: list[Any]) -> dict[Side, Known]:
    return {SIDE_OF[side]: Known(id_, not_after) for side, id_, not_after in data}


def _from_statement(side: Side, value: Statement) -> list[Any]:
    dated = value.dated
    return [
        SIDE[side],
        value.id,
        CHOICE[value.choice],
        dated,
        value.not_before - dated,
        value.not_after - dated,
        value.delay,
        value.evidence,
        SIDE[value.side],
    ]


def _statement_of(data: list[Any]) -> Statement:
    _, id_, choice, dated, before, after, delay, evidence, side = data
    return Statement(
        id_,
        SIDE_OF[side],
        CHOICE_OF[choice],
        dated + before,
        dated + after,
        dated,
        delay,
        evidence,
    )


def _own_write_of(
    side: str, choice: str, sent_at: int, outcome: str, event_id: str, told: list[Any]
) -> OwnWrite:
    return OwnWrite(
        SIDE_OF[side], CHOICE_OF[choice], sent_at, OUTCOME_OF[outcome], event_id, _known_of(told)
    )
