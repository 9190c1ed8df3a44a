"""Dead letters in turns: tried again as an operator says, or put away, and found in the ledger."""

from collections.abc import Sequence

import pytest

from consent_sync.domain.consent import Choice
from consent_sync.domain.errors import PermanentError
from consent_sync.domain.events import UnknownItem
from consent_sync.domain.identity import Side
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.profile import ProfileChange
from consent_sync.domain.replay import replay
from consent_sync.domain.verdicts import Kind, Verdict
from consent_sync.ports.store import StoredEvent, StoredItem
from tests.doubles.engine import Engine
from tests.doubles.mappings import EMAIL, a_mapping
from tests.doubles.platforms import ActitoWorld, Profile
from tests.services.test_unreadable_items import Picky

ANN = "ann@example.com"
NO = Choice.DENIED
UNKNOWN = UnknownItem("user.merged")


class Refusing(ActitoWorld):
    """Refuses every write while it is told to."""

    refuses = True

    async def update(
        self, mapping: Mapping, key: str, change: ProfileChange, *, after_look: bool
    ) -> str:
        if self.refuses:
            self.calls.append("refused")
            raise PermanentError("bad request", status=400, answer="not today")
        return await super().update(mapping, key, change, after_look=after_look)


@pytest.fixture
def engine() -> Engine:
    engine = Engine(a_mapping())
    engine.actito = Refusing(engine.clock)
    engine.contents = Picky()
    engine.actito.profiles[ANN] = Profile("1042", {"Newsletter": True})
    return engine


async def after_a_refused_refusal(engine: Engine) -> Refusing:
    """Let Ann's no be refused by Actito for good; return Actito."""
    engine.didomi.click(ANN, {EMAIL: NO})
    await engine.run()
    assert isinstance(engine.actito, Refusing)
    return engine.actito


def failed(engine: Engine) -> int:
    return engine.lane(ANN).settlements[-1].summary.failed


def verdicts(engine: Engine) -> Sequence[Verdict]:
    return [one.verdict for one in engine.entries(ANN) if one.kind is Kind.RECEIVED]


def same_in_the_ledger(engine: Engine) -> bool:
    lane = engine.lane(ANN)
    subject = engine.subject(ANN)
    return replay(lane.records, engine.items, engine.versions, engine.rules, subject) == lane.state


async def test_a_replayed_line_is_written(engine: Engine) -> None:
    """Once the platform takes it, one word is enough."""
    actito = await after_a_refused_refusal(engine)
    letters = engine.dead_letters(ANN)
    actito.refuses = False
    engine.decide_letters(ANN, *letters, again=True)
    await engine.run()

    assert len(letters) == 1
    assert actito.profiles[ANN].subscriptions == {"Newsletter": False}
    assert (engine.dead_letters(ANN), failed(engine)) == ((), 0)
    assert same_in_the_ledger(engine)


async def test_a_line_that_is_refused_again_is_a_dead_letter_again(engine: Engine) -> None:
    """It is tried once per word, and not more."""
    actito = await after_a_refused_refusal(engine)
    calls = actito.calls.count("refused")
    engine.decide_letters(ANN, *engine.dead_letters(ANN), again=True)
    await engine.run()

    assert actito.calls.count("refused") == calls + 1
    assert (len(engine.dead_letters(ANN)), failed(engine)) == (1, 1)
    assert same_in_the_ledger(engine)


async def test_a_line_that_was_put_away_is_neither_written_nor_counted(engine: Engine) -> None:
    """Nothing of it is waiting any more, and its failure is still told."""
    actito = await after_a_refused_refusal(engine)
    calls = len(actito.calls)
    engine.decide_letters(ANN, *engine.dead_letters(ANN), again=False)
    await engine.run()
    summary = engine.lane(ANN).settlements[-1].summary

    assert len(actito.calls) == calls
    assert (engine.dead_letters(ANN), summary.failed) == ((), 0)
    assert summary.optout_waiting_since is None
    assert "not today" in engine.line(ANN, "Newsletter").failed[Side.ACTITO]
    assert same_in_the_ledger(engine)


async def test_the_next_choice_is_written_after_a_line_was_put_away(engine: Engine) -> None:
    """Putting away is about what was said until then."""
    actito = await after_a_refused_refusal(engine)
    engine.decide_letters(ANN, *engine.dead_letters(ANN), again=False)
    await engine.run()
    engine.clock.advance(60)
    engine.didomi.click(ANN, {EMAIL: NO})
    await engine.run()

    assert len(engine.dead_letters(ANN)) == 1
    assert actito.profiles[ANN].subscriptions == {"Newsletter": True}


async def test_a_word_on_something_else_does_nothing(engine: Engine) -> None:
    """What was looked at may have come right meanwhile."""
    actito = await after_a_refused_refusal(engine)
    calls = len(actito.calls)
    engine.decide_letters(ANN, "another", again=True)
    await engine.run()

    assert len(actito.calls) == calls
    assert Verdict.OLDER in verdicts(engine)


async def test_what_came_right_by_hand_is_no_dead_letter(engine: Engine) -> None:
    """Somebody sets the choice in Actito; its webhook settles the line."""
    await after_a_refused_refusal(engine)
    engine.clock.advance(3600)
    engine.actito.click(ANN, "Newsletter", subscribe=False)
    await engine.run()

    assert (engine.dead_letters(ANN), failed(engine)) == ((), 0)


async def test_an_unreadable_item_is_a_dead_letter_until_it_is_put_away(engine: Engine) -> None:
    """It is counted, and the ledger leads to the same."""
    receive_unreadable(engine)
    await engine.run()
    letters, counted = engine.dead_letters(ANN), failed(engine)
    engine.decide_letters(ANN, *letters, again=False)
    await engine.run()

    assert (len(letters), counted) == (1, 1)
    assert (engine.dead_letters(ANN), failed(engine)) == ((), 0)
    assert same_in_the_ledger(engine)


async def test_an_item_that_is_taken_again_and_understood_is_none_any_more(engine: Engine) -> None:
    """What a newer version can read is folded like any other item."""
    receive_unreadable(engine)
    await engine.run()
    before = engine.dead_letters(ANN)
    engine.contents = Contented()
    receive_unreadable(engine)
    await engine.run()

    assert (len(before), engine.dead_letters(ANN)) == (1, ())


class Contented(Picky):
    """Understands what `Picky` refuses, as something that says nothing."""

    def understand(self, body: bytes, key_attribute: str = "") -> object:
        return UNKNOWN if body == b"unreadable" else super().understand(body, key_attribute)


def receive_unreadable(engine: Engine) -> None:
    at = engine.clock.now()
    event = StoredEvent(99, Side.DIDOMI, "", "test", at, b"unreadable", waiting=True)
    engine.lane(ANN).items.append(StoredItem(99, event))
