"""A person's state worked out anew from the ledger: what every turn learnt and did, in order."""

from collections.abc import Iterable, Sequence
from collections.abc import Mapping as MappingView

from consent_sync.domain.actito_hints import Hint, fold_hint
from consent_sync.domain.actito_looks import (
    fold_profile_missing,
    fold_unread_hints,
)
from consent_sync.domain.consent import WriteOutcome
from consent_sync.domain.dead_letters import fold_unread, taken_once_more
from consent_sync.domain.didomi_items import fold_didomi_item
from consent_sync.domain.didomi_looks import fold_user_missing, fold_user_reading
from consent_sync.domain.errors import AbsentError
from consent_sync.domain.events import (
    DeadLetterWord,
    DidomiItem,
    Item,
    LoadedChoices,
    OperatorWord,
    ProfileHint,
    ProfileMissing,
    ProfileReading,
    UserMissing,
    UserReading,
)
from consent_sync.domain.identity import Side, Subject
from consent_sync.domain.ledger import (
    Checkpoint,
    Fact,
    HeldBack,
    ItemsTaken,
    LedgerRecord,
    Unread,
    Write,
    is_checkpoint,
)
from consent_sync.domain.lines import Context, Outcome, fold_write
from consent_sync.domain.loaded import fold_loaded
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moving import moved_to
from consent_sync.domain.plan import plan_changes, with_held
from consent_sync.domain.review import fold_word
from consent_sync.domain.rules import Rules
from consent_sync.domain.several import fold_profiles
from consent_sync.domain.state import PersonState
from consent_sync.domain.values import replaced
from consent_sync.domain.verdicts import Kind, Verdict
from consent_sync.domain.words import fold_held_back


def replay(
    records: Iterable[LedgerRecord],
    items: MappingView[int, Item],
    versions: MappingView[str, Mapping],
    rules: Rules,
    subject: Subject,
) -> PersonState:
    """Return the state that these records lead to, oldest first.

    `items` holds what the stored events say, by event number; one that could not be read is left
    out. Each record is taken under the version of the mapping that decided it; `versions` holds
    those by their hash. Raises AbsentError for a record whose version is not there. What stands
    before the newest checkpoint is in it already.
    """
    state = PersonState()
    turn: _Turn | None = None
    for record in _behind_checkpoint(records):
        if is_checkpoint(record):
            state, turn = _state_at(record), None
            continue
        if turn is None or not record.continues:
            mapping = versions.get(record.mapping_version)
            if mapping is None:
                raise AbsentError(
                    f"version {record.mapping_version} of {record.mapping_file}, which decided, "
                    "is not there"
                )
            turn = _Turn(state, items, Context(subject, mapping, rules, record.at))
        state = turn.end(record)
    return state


def _behind_checkpoint(records: Iterable[LedgerRecord]) -> list[LedgerRecord]:
    """Return the newest checkpoint and what follows it, or everything where there is none."""
    found = list(records)
    starts = [at for at, record in enumerate(found) if is_checkpoint(record)]
    return found[starts[-1] :] if starts else found


def _state_at(record: LedgerRecord) -> PersonState:
    return next(fact.state for fact in record.facts if isinstance(fact, Checkpoint))


class _Turn:
    """One recorded turn, folded fact by fact as the turn itself did."""

    def __init__(self, state: PersonState, items: MappingView[int, Item], context: Context) -> None:
        self._state = moved_to(state, context.mapping)
        self._items = items
        self._context = context
        self._hints: list[Hint] = []
        self._looked: set[Side] = set()
        self._users: list[UserReading | UserMissing] = []

    def end(self, record: LedgerRecord) -> PersonState:
        """Fold one record; the turn may go on with the next one."""
        for fact in record.facts:
            self._fold(fact)
        self._give_up(record)
        plan = plan_changes(self._state, self._context, looked=frozenset(self._looked))
        return with_held(self._state, plan)

    def _fold(self, fact: Fact) -> None:
        if isinstance(fact, ItemsTaken):
            self._context = replaced(self._context, now=fact.at)
            self._take(fact.events)
        elif isinstance(fact, ProfileReading | ProfileMissing):
            self._see_profile(fact)
        elif isinstance(fact, UserReading | UserMissing):
            self._see_user(fact)
        elif isinstance(fact, HeldBack):
            self._state = fold_held_back(self._state, fact)
        elif isinstance(fact, Unread):
            self._state = fold_unread(self._state, fact)
        elif isinstance(fact, Write):
            self._write(fact)

    def _take(self, events: Sequence[int]) -> None:
        self._state = taken_once_more(self._state, events)
        for number in events:
            item = self._items.get(number)
            content = item.content if item is not None else None
            if item is None:
                continue
            if isinstance(content, DidomiItem):
                outcome = fold_didomi_item(self._state, item, content, self._context)
                self._state = outcome.state
            elif isinstance(content, OperatorWord | DeadLetterWord):
                self._state = fold_word(self._state, item, content, self._context).state
            elif isinstance(content, LoadedChoices):
                self._state = fold_loaded(self._state, item, content, self._context).state
            elif isinstance(content, ProfileHint):
                hint = Hint(item, content)
                outcome = fold_hint(self._state, hint, self._context)
                self._state = outcome.state
                if outcome.verdict is None:
                    self._hints.append(hint)

    def _see_profile(self, seen: ProfileReading | ProfileMissing) -> None:
        hints, self._hints = self._hints, []
        outcome: Outcome
        if isinstance(seen, ProfileMissing):
            outcome = fold_profile_missing(self._state, seen, hints, self._context)
        else:
            outcome = fold_profiles(self._state, seen, hints, self._context)
        self._state = outcome.state
        self._looked.add(Side.ACTITO)

    def _see_user(self, seen: UserReading | UserMissing) -> None:
        """Of several spellings each is read; only when none is known is the person missing."""
        self._users.append(seen)
        if isinstance(seen, UserReading):
            self._state = fold_user_reading(self._state, seen, self._context)
        if len(self._users) < max(1, len(self._state.spellings)):
            return
        if all(isinstance(one, UserMissing) for one in self._users):
            self._state = fold_user_missing(self._state)
        self._users = []
        self._looked.add(Side.DIDOMI)

    def _write(self, write: Write) -> None:
        self._state = fold_write(self._state, write, self._context)
        if write.side is Side.ACTITO and write.outcome is WriteOutcome.UNCLEAR:
            self._looked.discard(Side.ACTITO)

    def _give_up(self, record: LedgerRecord) -> None:
        """Webhooks that no look was made for and that ended as failed: their refusals count."""
        failed = {
            entry.event
            for entry in record.entries
            if entry.kind is Kind.RECEIVED and entry.verdict is Verdict.FAILED
        }
        if any(hint.item.id in failed for hint in self._hints):
            outcome = fold_unread_hints(self._state, self._hints, self._context)
            self._state = outcome.state
