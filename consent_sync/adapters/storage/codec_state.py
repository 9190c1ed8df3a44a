"""A person's state as lists of plain values, and back.

Positions instead of names, one-letter words, and dates as distances from each other keep it
short: a state is read and written with every turn.
"""

from typing import Any, Final

from consent_sync.adapters.storage.codec_lines import from_line, line_of
from consent_sync.adapters.storage.codec_words import PRESENCE, PRESENCE_OF
from consent_sync.domain.consent import Pick
from consent_sync.domain.identity import Names
from consent_sync.domain.mapping import NOWHERE, Place
from consent_sync.domain.profile import Scalar
from consent_sync.domain.state import HeldList, PersonState, Several, Wanted

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
    match data:
        case str() | int() | float():
            return data
        case [str(number)]:
            return int(number)
        case [str(number), "f"]:
            return float(number)
        case _:
            raise ValueError("an attribute is of no kind that this program knows")


def from_state(state: PersonState) -> list[Any]:
    """Return a state as plain values."""
    names = state.names
    return [
        [names.ouid, names.actito_key, names.profile_id],
        PRESENCE[state.profile],
        PRESENCE[state.user],
        [from_line(line, value) for line, value in state.lines.items()],
        [[name, scalar(w.value), w.dated] for name, w in state.wanted.items()],
        [[name, scalar(value)] for name, value in state.sent.items()],
        [
            [purpose, preference, sorted(held.options), held.dated]
            for (purpose, preference), held in state.picks.items()
        ],
        list(state.pending.items()),
        state.spellings,
        list(state.place),
        *([list(state.unread.items())] if state.unread or state.several is not None else []),
        *([_from_several(state.several)] if state.several is not None else []),
    ]


def state_of(data: list[Any]) -> PersonState:
    """Return the state that `from_state` wrote."""
    # What is seldom there ends the list: states written before places were remembered end earlier.
    names, profile, user, lines, wanted, sent, picks, pending, spellings, *more = data
    if len(more) > 3:
        raise ValueError("a state holds more than this program knows")
    return PersonState(
        Names(*names),
        PRESENCE_OF[profile],
        PRESENCE_OF[user],
        {line[0]: line_of(line) for line in lines},
        {name: Wanted(scalar_of(value), dated) for name, value, dated in wanted},
        {name: scalar_of(value) for name, value in sent},
        {
            Pick(purpose, preference): HeldList(frozenset(options), dated)
            for purpose, preference, options, dated in picks
        },
        dict(pending),
        tuple(spellings),
        Place(*more[0]) if more else NOWHERE,
        dict(more[1]) if len(more) > 1 else {},
        _several_of(more[2]) if len(more) > 2 else None,
    )


def _from_several(several: Several) -> list[Any]:
    return [
        [[one.actito_key, one.profile_id] for one in several.twins],
        [[one.actito_key, one.profile_id] for one in several.strangers],
        sorted(several.uneven),
    ]


def _several_of(data: list[Any]) -> Several:
    twins, strangers, uneven = data
    return Several(
        tuple([Names("", *one) for one in twins]),
        tuple([Names("", *one) for one in strangers]),
        frozenset(uneven),
    )
