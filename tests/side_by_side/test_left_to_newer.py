"""What a newer replica wrote and this program does not understand is left to newer replicas."""

from collections.abc import AsyncIterator

import orjson
import pytest

from consent_sync.adapters.clock import SystemClock
from consent_sync.adapters.storage.codec import encode_state
from consent_sync.adapters.storage.postgres.store import PostgresStore
from consent_sync.adapters.storage.postgres.taking import ASIDE_SECONDS
from consent_sync.domain.errors import StoreError
from consent_sync.domain.moments import SECOND
from tests.contracts.store_kit import event, people, settled, state, subject
from tests.postgres import PostgresServer, name_of

LEASE = 60.0
REPLACE = "UPDATE consent_sync.person SET state = {} WHERE person = 'ada@example.com'"
STANDING = """
SELECT person.state = {}, lane.next_at - consent_sync.now_micros()
FROM consent_sync.person JOIN consent_sync.lane ON lane.person = person.key
WHERE person.person = 'ada@example.com'
"""


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    store = PostgresStore(url, SystemClock(), lease_seconds=LEASE)
    await store.open()
    yield store
    await store.close()


def newer(value: bytes) -> str:
    """Return a state with something at its end that no program knows yet, as SQL."""
    version, parts = orjson.loads(value)
    return f"'\\x{orjson.dumps([version, [*parts, [], [], {'new': 1}]]).hex()}'"


async def test_a_person_with_something_new_is_left_as_they_are(
    store: PostgresStore, url: str, postgres: PostgresServer
) -> None:
    """Others get their turns; a newer replica can take this one a few seconds later."""
    await store.accept([event("one", "ada"), event("two", "ben")])
    for turn in await store.claim(2):
        await store.settle(settled(turn, state=state(turn.subject.person)))
    kept = newer(encode_state(state("ada@example.com")))
    postgres.run(REPLACE.format(kept), name_of(url))
    await store.accept([event("three", "ada"), event("four", "ben")])

    assert people(await store.claim(5)) == ["ben"]

    [(unchanged, due_in)] = postgres.run(STANDING.format(kept), name_of(url))

    assert unchanged
    assert 0 < due_in <= ASIDE_SECONDS * SECOND
    with pytest.raises(StoreError, match="a newer version of the program wrote it"):
        await store.person(subject("ada"))


async def test_an_event_from_a_new_source_waits_for_a_newer_replica(
    store: PostgresStore, url: str, postgres: PostgresServer
) -> None:
    """Whoever does not know where an event comes from does not take it for done."""
    await store.accept([event("one", "ada"), event("two", "ben")])
    postgres.run("UPDATE consent_sync.event SET source = 'shop' WHERE id = 1", name_of(url))

    assert people(await store.claim(5)) == ["ben"]
    with pytest.raises(StoreError, match="no source is named shop: a newer version"):
        await store.waiting(subject("ada"))
