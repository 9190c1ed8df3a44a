"""Items of a turn that cannot be read: they end as failed, and hold up nobody's choice."""

from typing import Any

import pytest

from consent_sync.domain.consent import Choice
from consent_sync.domain.errors import RefusedError
from consent_sync.domain.events import UnknownItem
from consent_sync.domain.identity import Side
from consent_sync.domain.values import replaced
from consent_sync.domain.verdicts import Entry, Kind, Verdict
from consent_sync.ports.store import StoredEvent, StoredItem
from tests.doubles.engine import Contents, Engine
from tests.doubles.mappings import EMAIL, a_mapping
from tests.doubles.platforms import Profile

ANN = "ann@example.com"
YES, NO = Choice.GRANTED, Choice.DENIED


class Picky(Contents):
    """Refuses the bodies that were never kept here, as a newer version might refuse old ones."""

    def understand(self, body: bytes, key_attribute: str = "") -> Any:
        if body == b"unreadable":
            raise RefusedError("the date is no date", code="bad-date", where="$.created_at")
        return super().understand(body, key_attribute)


@pytest.fixture
def engine() -> Engine:
    engine = Engine(a_mapping())
    engine.contents = Picky()
    engine.actito.profiles[ANN] = Profile("1042", {"Newsletter": True})
    return engine


def receive_unreadable(engine: Engine, source: Side = Side.DIDOMI, number: int = 99) -> None:
    event = StoredEvent(number, source, "", "test", engine.clock.now(), b"unreadable", waiting=True)
    engine.lane(ANN).items.append(StoredItem(number, event))


def ends(engine: Engine) -> dict[int, Entry]:
    """Return how each received event ended."""
    return {one.event: one for one in engine.entries(ANN) if one.kind is Kind.RECEIVED}


@pytest.mark.parametrize("source", [Side.DIDOMI, Side.ACTITO])
async def test_an_unreadable_item_ends_as_failed_with_its_reason(
    engine: Engine, source: Side
) -> None:
    """It is said what was wrong with it; nothing is called, and it is not tried for ever."""
    receive_unreadable(engine, source)
    await engine.run()

    assert ends(engine)[99].verdict is Verdict.FAILED
    assert ends(engine)[99].reason == "it could not be read: the date is no date"
    assert engine.actito.calls == engine.didomi.calls == []
    assert engine.lane(ANN).items == []


async def test_a_refusal_beside_an_unreadable_item_is_written(engine: Engine) -> None:
    """One bad item of a turn does not stop the others, whichever comes first."""
    receive_unreadable(engine, number=98)
    engine.didomi.click(ANN, {EMAIL: NO})
    engine.deliver_all()
    receive_unreadable(engine, number=99)

    await engine.run()

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": False}
    assert [ends(engine)[number].verdict for number in (98, 1, 99)] == [
        Verdict.FAILED,
        Verdict.APPLIED,
        Verdict.FAILED,
    ]


async def test_an_unreadable_item_teaches_nothing(engine: Engine) -> None:
    """What is known of the person stays as it was, but for the item itself."""
    engine.didomi.click(ANN, {EMAIL: YES})
    await engine.run()
    before = engine.lane(ANN).state
    receive_unreadable(engine)

    await engine.run()

    assert replaced(engine.lane(ANN).state, unread={}) == before


async def test_an_event_of_an_unknown_kind_is_kept_and_not_acted_on(engine: Engine) -> None:
    """A platform may send something new at any time."""
    body = engine.contents.keep(UnknownItem("user.merged"))
    event = StoredEvent(99, Side.DIDOMI, "", "user.merged", engine.clock.now(), body, waiting=True)
    engine.lane(ANN).items.append(StoredItem(99, event))
    await engine.run()

    assert ends(engine)[99].verdict is Verdict.NOT_MAPPED
    assert engine.actito.calls == engine.didomi.calls == []
