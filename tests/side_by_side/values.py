"""One value of each kind with everything in it, and the samples of how it has been written."""

from collections.abc import Callable, Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from consent_sync.adapters.storage.codec import (
    decode_record,
    decode_state,
    decode_writes,
    encode_record,
    encode_state,
    encode_writes,
)
from consent_sync.domain.consent import (
    Agreed,
    Choice,
    ConsentTree,
    Guarded,
    Known,
    Node,
    OwnWrite,
    Pick,
    Statement,
    Word,
    WriteOutcome,
)
from consent_sync.domain.events import ProfileMissing, ProfileReading, UserMissing, UserReading
from consent_sync.domain.identity import Desk, Names, Side, Source
from consent_sync.domain.ledger import (
    Checkpoint,
    HeldBack,
    ItemsTaken,
    LedgerRecord,
    Unread,
    Write,
    WrittenLine,
)
from consent_sync.domain.mapping import Place
from consent_sync.domain.state import HeldList, LineState, PersonState, Presence, Several, Wanted
from consent_sync.domain.verdicts import Entry, Kind, Verdict

HELD: Final = Path(__file__).with_name("held")

_NAMES: Final = Names("ada@example.com", "A-1", "1042")
_OTHER: Final = Names("", "a-1", "1043")
_KNOWN: Final[dict[Source, Known]] = {
    Side.ACTITO: Known("a:1", 30),
    Desk.FILE: Known("f:1", 31),
    Desk.OPERATOR: Known("o:1", 32),
}
_LINE: Final = LineState(
    latest={
        Side.DIDOMI: Statement("d:1", Side.DIDOMI, Choice.GRANTED, 10, 30, 20, 5, "event"),
        Desk.FILE: Statement("f:1", Desk.FILE, Choice.DENIED, 11, 31, 21, 6, "row"),
    },
    agreed={Side.ACTITO: Agreed(Choice.DENIED, 40, _KNOWN, confirmed=False)},
    refused_at={Side.DIDOMI: 50},
    writes=(OwnWrite(Side.ACTITO, Choice.NONE, 60, WriteOutcome.UNCLEAR, "e-1", _KNOWN),),
    held="held_review",
    failed={Side.ACTITO: "refused"},
    shape="+email",
    unshown={Side.DIDOMI: 2},
    word=Word("eve", 70, ("conflict",), "basis", 71),
    guarded=Guarded("basis", "too many"),
    written_off=frozenset({Side.ACTITO}),
)
STATE: Final = PersonState(
    names=_NAMES,
    profile=Presence.PRESENT,
    user=Presence.MISSING,
    lines={"Newsletter": _LINE},
    wanted={"city": Wanted("Ghent", 80), "age": Wanted(2**70, 81), "score": Wanted(1e999, 82)},
    sent={"vip": True, "height": 1.5},
    picks={Pick("marketing", "topics"): HeldList(frozenset({"sport"}), 90)},
    pending={"e-2": 91},
    spellings=("Ada@example.com", "ada@example.com"),
    place=Place("acme", "acme/Customers/customerId"),
    unread={7: "it could not be read"},
    several=Several((_OTHER,), (Names("", "A-1 ", "1044"),), frozenset({"Newsletter"})),
)
_WRITE: Final = Write(
    Side.DIDOMI,
    (WrittenLine("Newsletter", Choice.GRANTED),),
    100,
    90,
    WriteOutcome.CONFIRMED,
    "e-3",
    (("city", "Ghent"),),
    (("marketing", "topics", ("sport",)),),
    created=True,
    failure="refused",
    profile_id="1042",
)
_TREE: Final = ConsentTree(
    {Node("marketing", "deals", "sms", ""): Choice.DENIED},
    {Pick("marketing", "topics"): frozenset({"sport"})},
)
RECORD: Final = LedgerRecord(
    at=200,
    mapping_file="brand-a.yaml",
    mapping_version="0a1b",
    facts=(
        ItemsTaken((7, 8), 201),
        _WRITE,
        ProfileReading(
            202, 203, _NAMES, {"Newsletter": True}, (ProfileReading(204, 205, _OTHER, {}),)
        ),
        ProfileMissing(206),
        UserReading(207, 208, 209, _TREE),
        UserMissing(210),
        HeldBack("Newsletter", "basis", "too many"),
        Unread(7, "it could not be read"),
        Checkpoint(STATE),
    ),
    entries=(
        Entry(
            220,
            Kind.DECIDED,
            Verdict.OLDER,
            "older",
            Side.ACTITO,
            "Newsletter",
            6,
            Choice.DENIED,
            7,
        ),
    ),
    continues=True,
)


class Written(NamedTuple):
    """A kind of value: everything in it, and how it goes to the database and back."""

    value: Any
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


KINDS: Final = {
    "state": Written(STATE, encode_state, decode_state),
    "record": Written(RECORD, encode_record, decode_record),
    "writes": Written((_WRITE,), encode_writes, decode_writes),
}


def parts_of(value: object) -> Iterator[tuple[str, bool]]:
    """Yield each field of a value and of all within it, and whether something is in it."""
    if is_dataclass(value):
        for field in fields(value):
            held = getattr(value, field.name)
            yield f"{type(value).__name__}.{field.name}", held != _default(field)
            yield from parts_of(held)
    elif isinstance(value, dict):
        yield from parts_of(tuple(value.values()))
    elif isinstance(value, tuple):
        for one in value:
            yield from parts_of(one)


def _default(field: "Field[Any]") -> object:
    return field.default if field.default_factory is MISSING else field.default_factory()
