"""Facts, writes and entries of the ledger as lists of plain values, and back."""

from typing import Any, Final

from consent_sync.adapters.storage.codec_state import from_state, scalar, scalar_of, state_of
from consent_sync.adapters.storage.codec_words import (
    CHOICE,
    CHOICE_OF,
    OUTCOME,
    OUTCOME_OF,
    SIDE,
    SIDE_OF,
)
from consent_sync.domain.consent import ConsentTree, Node, Pick
from consent_sync.domain.events import ProfileMissing, ProfileReading, UserMissing, UserReading
from consent_sync.domain.identity import Names
from consent_sync.domain.ledger import (
    Checkpoint,
    Fact,
    HeldBack,
    ItemsTaken,
    LedgerRecord,
    Unread,
    Write,
    WrittenLine,
)
from consent_sync.domain.verdicts import Entry, Kind, Verdict

_KIND_OF: Final = {kind.value: kind for kind in Kind}
_VERDICT_OF: Final = {verdict.value: verdict for verdict in Verdict}


def from_record(record: LedgerRecord) -> list[Any]:
    """Return a ledger record as plain values."""
    return [
        record.at,
        record.mapping_file,
        record.mapping_version,
        [_from_fact(fact) for fact in record.facts],
        [_from_entry(entry, record.at) for entry in record.entries],
        1 if record.continues else 0,
    ]


def record_of(data: list[Any]) -> LedgerRecord:
    """Return the record that `from_record` wrote."""
    at, mapping_file, mapping_version, facts, entries, continues = data
    return LedgerRecord(
        at,
        mapping_file,
        mapping_version,
        tuple([_fact_of(fact) for fact in facts]),
        tuple([_entry_of(at, entry) for entry in entries]),
        continues == 1,
    )


def from_write(write: Write) -> list[Any]:
    """Return a write as plain values."""
    return [
        SIDE[write.side],
        [[line.line, CHOICE[line.choice]] for line in write.lines],
        write.sent_at,
        write.dated - write.sent_at,
        OUTCOME[write.outcome],
        write.event_id,
        [[name, scalar(value)] for name, value in write.attributes],
        write.lists,
        1 if write.created else 0,
        write.failure,
        write.profile_id,
    ]


def write_of(data: list[Any]) -> Write:
    """Return the write that `from_write` wrote."""
    side, lines, sent_at, dated, outcome, event_id, attributes, lists, *rest = data
    created, failure, profile_id = rest
    return Write(
        SIDE_OF[side],
        tuple([WrittenLine(line, CHOICE_OF[choice]) for line, choice in lines]),
        sent_at,
        sent_at + dated,
        OUTCOME_OF[outcome],
        event_id,
        tuple([(name, scalar_of(value)) for name, value in attributes]),
        tuple([(purpose, preference, tuple(options)) for purpose, preference, options in lists]),
        created == 1,
        failure,
        profile_id,
    )


def _from_fact(fact: Fact) -> list[Any]:
    match fact:
        case ItemsTaken():
            return ["t", fact.at, fact.events]
        case Write():
            return ["w", *from_write(fact)]
        case ProfileReading():
            others = [_from_reading(one) for one in fact.others]
            return ["p", *_from_reading(fact), *([others] if others else [])]
        case ProfileMissing():
            return ["pm", fact.read_at]
        case UserReading():
            return ["u", fact.asked_at, fact.read_at, fact.updated_at, _from_tree(fact.tree)]
        case UserMissing():
            return ["um", fact.read_at]
        case _:
            return _from_rare(fact)


def _fact_of(data: list[Any]) -> Fact:
    match data:
        case ["t", at, events]:
            return ItemsTaken(tuple(events), at)
        case ["w", *write]:
            return write_of(write)
        case ["p", asked_at, read_at, names, subscriptions]:
            return _reading_of(asked_at, read_at, names, subscriptions)
        case ["p", asked_at, read_at, names, subscriptions, others]:
            found = tuple(
                [_reading_of(asked, read, own, held) for asked, read, own, held in others]
            )
            return _reading_of(asked_at, read_at, names, subscriptions, found)
        case ["pm", read_at]:
            return ProfileMissing(read_at)
        case ["u", asked_at, read_at, updated_at, tree]:
            return UserReading(asked_at, read_at, updated_at, _tree_of(tree))
        case ["um", read_at]:
            return UserMissing(read_at)
        case _:
            return _rare_of(data)


def _from_rare(fact: HeldBack | Unread | Checkpoint) -> list[Any]:
    match fact:
        case HeldBack():
            return ["h", fact.line, fact.basis, fact.reason]
        case Unread():
            return ["x", fact.event, fact.reason]
        case Checkpoint():
            return ["c", from_state(fact.state)]


def _rare_of(data: list[Any]) -> HeldBack | Unread | Checkpoint:
    match data:
        case ["h", line, basis, reason]:
            return HeldBack(line, basis, reason)
        case ["x", event, reason]:
            return Unread(event, reason)
        case ["c", state]:
            return Checkpoint(state_of(state))
        case _:
            raise ValueError(f"no fact is written as {data[:1]}")


def _from_reading(seen: ProfileReading) -> list[Any]:
    names = [seen.names.ouid, seen.names.actito_key, seen.names.profile_id]
    return [seen.asked_at, seen.read_at, names, list(seen.subscriptions.items())]


def _reading_of(
    asked_at: int,
    read_at: int,
    names: list[str],
    subscriptions: list[Any],
    others: tuple[ProfileReading, ...] = (),
) -> ProfileReading:
    return ProfileReading(asked_at, read_at, Names(*names), dict(subscriptions), others)


def _from_tree(tree: ConsentTree) -> list[Any]:
    return [
        [[*node, CHOICE[choice]] for node, choice in tree.nodes.items()],
        [[*pick, sorted(options)] for pick, options in tree.picks.items()],
    ]


def _tree_of(data: list[Any]) -> ConsentTree:
    nodes, picks = data
    return ConsentTree(
        {Node(*parts): CHOICE_OF[choice] for *parts, choice in nodes},
        {Pick(purpose, preference): frozenset(options) for purpose, preference, options in picks},
    )


def _from_entry(entry: Entry, at: int) -> list[Any]:
    return [
        entry.at - at,
        entry.kind.value,
        entry.verdict.value,
        entry.reason,
        SIDE[entry.side] if entry.side is not None else "",
        entry.line,
        entry.line_number,
        CHOICE[entry.choice],
        entry.event,
    ]


def _entry_of(record_at: int, data: list[Any]) -> Entry:
    at, kind, verdict, reason, side, line, line_number, choice, event = data
    return Entry(
        record_at + at,
        _KIND_OF[kind],
        _VERDICT_OF[verdict],
        reason,
        SIDE_OF[side] if side else None,
        line,
        line_number,
        CHOICE_OF[choice],
        event,
    )
