"""How a turn takes in what waits for its person: each item by the rule for its kind."""

from consent_sync.domain.actito_hints import Hint, fold_hint
from consent_sync.domain.dead_letters import taken_once_more
from consent_sync.domain.didomi_items import fold_didomi_item
from consent_sync.domain.errors import RefusedError
from consent_sync.domain.events import (
    DidomiItem,
    ErasureWord,
    Item,
    ProfileHint,
    UnknownItem,
)
from consent_sync.domain.identity import Desk, Side
from consent_sync.domain.ledger import ItemsTaken
from consent_sync.domain.lines import Context, Outcome
from consent_sync.domain.loaded import fold_loaded
from consent_sync.domain.review import fold_word
from consent_sync.domain.verdicts import Verdict
from consent_sync.ports.store import StoredEvent
from consent_sync.services.account import Taken
from consent_sync.services.deletion import says_deleted
from consent_sync.services.file_rows import loaded_of
from consent_sync.services.progress import Progress
from consent_sync.services.words import word_of


def take_items(progress: Progress, taken: list[Taken]) -> bool:
    """Fold all items of the turn, note each in `taken`, and say whether Didomi has to be read."""
    context, doubtful = progress.context(), False
    events = tuple(item.event.id for item in progress.turn.items)
    if events:
        progress.facts.append(ItemsTaken(events, context.now))
        progress.state = taken_once_more(progress.state, events)
    for stored in progress.turn.items:
        one = Taken(stored)
        taken.append(one)
        try:
            outcome = _fold(progress, one, context)
        except RefusedError as error:
            come_to_nothing(progress, one, f"it could not be read: {error}")
            continue
        progress.state = outcome.state
        progress.touched |= outcome.touched
        doubtful = doubtful or outcome.doubtful
        one.verdict, one.reason, one.touched = outcome.verdict, outcome.reason, outcome.touched
    return doubtful


def come_to_nothing(progress: Progress, taken: Taken, reason: str) -> None:
    """Fail an item; a word of ours is no item that anybody could take again."""
    taken.open = False
    taken.verdict, taken.reason = Verdict.FAILED, reason
    event = taken.stored.event
    if isinstance(event.source, Side):
        progress.came_to_nothing(event.id, reason)


def _fold(progress: Progress, taken: Taken, context: Context) -> Outcome:
    event, state = taken.stored.event, progress.state
    if event.source is Desk.OPERATOR:
        return _fold_word(progress, taken, context)
    if event.source is Desk.FILE:
        row = loaded_of(event.body, progress.mapping.normalise)
        return fold_loaded(state, Item(event.id, event.received_at, row), row, context)
    content = _understood(progress, event)
    item = Item(event.id, event.received_at, content)
    if progress.tools.departures is not None and says_deleted(content, context):
        taken.deletion = taken.open = True
    if isinstance(content, DidomiItem):
        return fold_didomi_item(state, item, content, context)
    if isinstance(content, ProfileHint):
        outcome = fold_hint(state, Hint(item, content), context)
        if outcome.verdict is None:
            taken.open = True
            progress.hints.append(Hint(item, content))
        return outcome
    reason = "a kind of event this version does not know; kept, and nothing was done"
    return Outcome(state, verdict=Verdict.NOT_MAPPED, reason=reason)


def _fold_word(progress: Progress, taken: Taken, context: Context) -> Outcome:
    event, state = taken.stored.event, progress.state
    word = word_of(event.body)
    if isinstance(word, ErasureWord):
        taken.asked, taken.deletion, taken.open = word.policy, True, True
        return Outcome(state, verdict=Verdict.ERASED, reason="an erasure was asked for")
    return fold_word(state, Item(event.id, event.received_at, word), word, context)


def _understood(progress: Progress, event: StoredEvent) -> DidomiItem | ProfileHint | UnknownItem:
    if event.source is Side.DIDOMI:
        return progress.tools.didomi.understand(event.body)
    return progress.tools.actito.understand(event.body, progress.mapping.key_attribute)
