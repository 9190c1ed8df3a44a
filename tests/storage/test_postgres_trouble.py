"""PostgreSQL in trouble: connections cut, restarts, poolers, and what is said about all of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import replace

import psycopg
import pytest

from consent_sync.adapters.clock import SystemClock
from consent_sync.adapters.storage.postgres.connections import heeding_cancellation
from consent_sync.adapters.storage.postgres.migrate import migrate
from consent_sync.adapters.storage.postgres.reader import PostgresReader
from consent_sync.adapters.storage.postgres.statements import migrations
from consent_sync.adapters.storage.postgres.store import PostgresStore
from consent_sync.domain.errors import StoreError
from consent_sync.ports.store import NewEvent
from tests.contracts.store_kit import (
    claim_one,
    event,
    record,
    settled,
    state,
    subject,
    texts,
    write,
)
from tests.postgres import PostgresServer, name_of
from tests.storage.transaction_pooler import TransactionPooler

_CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'consent-sync' AND datname = '{}'
"""


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    url = postgres.new_database()
    yield url
    postgres.drop(url)


Opening = Callable[[str], Awaitable[PostgresStore]]


@pytest.fixture
async def opening() -> AsyncIterator[Opening]:
    """Open stores that are closed at the end, whatever happens."""
    async with AsyncExitStack() as stack:

        async def opened(url: str) -> PostgresStore:
            store = PostgresStore(url, SystemClock())
            await store.open()
            stack.push_async_callback(store.close)
            return store

        yield opened


@pytest.fixture
async def store(url: str, opening: Opening) -> PostgresStore:
    return await opening(url)


@pytest.fixture
async def pooler(url: str) -> AsyncIterator[TransactionPooler]:
    socket = f"{psycopg.conninfo.conninfo_to_dict(url)['host']}/.s.PGSQL.5432"
    pooler = TransactionPooler(socket, name_of(url))
    await pooler.start()
    yield pooler
    await pooler.stop()


async def accept_until_stored(store: PostgresStore, *events: NewEvent) -> None:
    """Send as a platform does: again and again until it is stored."""
    while True:
        try:
            await store.accept(events)
            return
        except StoreError:
            await asyncio.sleep(0.02)


async def test_nothing_answered_is_lost_when_connections_are_cut(
    store: PostgresStore, url: str, postgres: PostgresServer
) -> None:
    """Under load, over and over: what was answered is there, and nothing is there twice."""

    async def cut() -> None:
        for _ in range(8):
            await asyncio.to_thread(postgres.run, _CUT.format(name_of(url)))
            await asyncio.sleep(0.04)

    async def send(number: int) -> None:
        for n in range(25):
            await accept_until_stored(store, event(f"{number}-{n}", f"p{number}"))

    await asyncio.gather(cut(), *(send(number) for number in range(12)))
    waiting = [await store.waiting(subject(f"p{number}")) for number in range(12)]

    assert [len(one) for one in waiting] == [25] * 12


async def test_work_goes_on_after_a_restart_of_the_server(
    store: PostgresStore, postgres: PostgresServer
) -> None:
    """A turn that was under way ends, and the first delivery after it is stored at once."""
    await store.accept([event("one", "ada")])
    turn = await claim_one(store)
    await store.announce(turn.subject, [write()])
    await asyncio.to_thread(postgres.restart, "immediate")
    new = await store.accept([event("one", "ada"), event("two", "ben")])
    await store.settle(settled(turn))
    ended = await store.timeline(subject("ada"), 9)

    assert new == [False, True]
    assert len(ended) == 1


async def test_a_claim_that_dies_with_the_server_costs_nothing(
    store: PostgresStore, postgres: PostgresServer
) -> None:
    """Claims do not wait for the disk: whether it was kept or not, the turn ends once."""
    await store.accept([event("one", "ada")])
    turn = await claim_one(store)
    await asyncio.to_thread(postgres.restart, "immediate")
    try:
        await store.settle(settled(turn))
    except StoreError as error:
        assert "another replica has the person" in str(error)  # noqa: PT017 - either is right
        await store.settle(settled(await claim_one(store)))
    ended = await store.timeline(subject("ada"), 9)

    assert len(ended) == 1


async def test_a_turn_that_ended_unheard_counts_as_ended(
    store: PostgresStore, url: str, opening: Opening
) -> None:
    """Asked again because the answer got lost, the end of a turn is found and not repeated."""
    await store.accept([event("one", "ada")])
    turn = await claim_one(store)
    other = await opening(url)
    claim = store._opened().claims.of(turn.subject)
    other._opened().claims.add(replace(claim, writes=[]))
    await other.settle(settled(turn))
    await store.settle(settled(turn))
    records = await store.timeline(subject("ada"), 9)

    assert len(records) == 1


async def test_nothing_lives_in_a_session(pooler: TransactionPooler, opening: Opening) -> None:
    """Behind a pooler that gives every transaction another session, all of it works."""
    store = await opening(pooler.url)
    await store.accept([event(f"e{n}", f"p{n % 5}") for n in range(20)])
    for turn in await store.claim(5):
        await store.announce(turn.subject, [write()])
        await store.settle(settled(turn, record=record(reason=turn.subject.person)))
    await store.check()
    seen = await PostgresReader(pooler.url).status()

    assert (seen.persons, seen.waiting_turns) == (5, 0)
    assert pooler.transactions > 10


async def test_replicas_that_start_together_migrate_once(url: str) -> None:
    """One takes the steps, the others wait for it."""
    taken = await asyncio.gather(*(migrate(url) for _ in range(6)))

    assert sorted(taken)[-1] == [step.number for step in migrations()]
    assert sorted(taken)[:-1] == [[]] * 5


async def test_an_older_program_goes_on_where_it_may(url: str) -> None:
    """During an update two versions run side by side, unless the layout rules that out."""
    await migrate(url)
    known = migrations()
    number = known[-1].number + 1
    kind = known[-1]._replace(number=number, works_with=number - 1, text="SELECT 1")
    await migrate(url, [*known, kind])
    allowed = await migrate(url)
    hard = kind._replace(number=number + 1, works_with=number + 1)
    await migrate(url, [*known, kind, hard])

    assert allowed == []
    with pytest.raises(StoreError, match="a newer consent-sync wrote it"):
        await migrate(url)
    with pytest.raises(StoreError, match="a newer consent-sync wrote it"):
        await PostgresReader(url).status()


async def test_a_step_that_fails_leaves_nothing_behind(url: str) -> None:
    """All steps are one transaction."""
    steps = [*migrations()]
    broken = steps[-1]._replace(number=99, text="CREATE TABLE half (); SELECT 1/0")

    with pytest.raises(StoreError):
        await migrate(url, [*steps, broken])

    assert await migrate(url) == [step.number for step in steps]


async def test_a_database_without_our_tables_is_told(url: str) -> None:
    """A look before the first start says what to do."""
    with pytest.raises(StoreError, match="consent-sync migrate"):
        await PostgresReader(url).status()


async def test_a_server_that_only_pretends_is_refused(url: str, postgres: PostgresServer) -> None:
    """Stored has to mean stored."""
    postgres.run(f"ALTER DATABASE {name_of(url)} SET synchronous_commit = off")

    with pytest.raises(StoreError, match="synchronous_commit is off"):
        await PostgresStore(url, SystemClock()).open()


async def test_wrong_names_are_told_without_passwords(postgres: PostgresServer) -> None:
    """The server's own words say what is wrong."""
    url = postgres.url("nowhere").replace("postgres:@", "postgres:sesame@")

    with pytest.raises(StoreError, match='database "nowhere" does not exist') as caught:
        await PostgresStore(url, SystemClock()).open()
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize("made_of_it", ["an error", "a result"])
async def test_who_is_cancelled_ends_whatever_the_driver_makes_of_it(made_of_it: str) -> None:
    """A stop waits for tasks that were cancelled once, and would never end."""

    async def ask_on_and_on() -> None:
        while True:
            with suppress(StoreError), heeding_cancellation():
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    if made_of_it == "an error":
                        raise StoreError("the connection broke") from None

    asking = asyncio.create_task(ask_on_and_on())
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait([asking], timeout=5)

    assert asking.cancelled()


async def test_a_server_that_cannot_encrypt_is_told_apart_from_none() -> None:
    """Whoever asks for TLS learns that it is missing, in the words of PostgreSQL's own library."""

    async def refuse_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        writer.write(b"N")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(refuse_tls, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = f"postgresql://somebody:sesame@127.0.0.1:{port}/consents?sslmode=require"
    with pytest.raises(StoreError, match="server does not support SSL") as asked:
        await migrate(url)
    server.close()
    await server.wait_closed()
    with pytest.raises(StoreError, match="Connection refused") as gone:
        await migrate(url)

    assert "sesame" not in f"{asked.value} {gone.value}"


async def test_an_address_with_a_wrong_parameter_is_told_unquoted() -> None:
    """What stands where a parameter is expected may be the end of a password."""
    with pytest.raises(StoreError, match="%3F for ") as caught:
        await migrate("postgresql://somebody@db.example.com/consents?sesame=1")

    assert "sesame" not in str(caught.value)


async def test_a_damaged_person_stops_nobody_else(
    store: PostgresStore, url: str, postgres: PostgresServer
) -> None:
    """Who cannot be read is set aside, and the others get their turns."""
    await store.accept([event("one", "ada"), event("two", "ben")])
    postgres.run(
        "UPDATE consent_sync.person SET state = 'x' WHERE person = 'ada@example.com'", name_of(url)
    )
    turns = await store.claim(5)

    assert [texts(turn) for turn in turns] == [["two"]]


async def test_strange_texts_come_back_as_they_came(store: PostgresStore) -> None:
    """Zero characters and other alphabets are no trouble; half a character is refused."""
    odd = event("odd", "ada")._replace(type="a\x00b ☃", mapping="ma\x00in")
    await store.accept([odd])
    [kept] = await store.events(refused=False, before=None, limit=5)
    half = event("half", "ben")._replace(type="\ud800")
    with pytest.raises(StoreError, match="cannot be stored"):
        await store.accept([half])
    answers = await asyncio.gather(
        store.accept([event("good", "ben")]), store.accept([half]), return_exceptions=True
    )

    assert (kept.type, kept.mapping) == ("a\x00b ☃", "ma\x00in")
    assert answers[0] == [True]
    assert isinstance(answers[1], StoreError)


async def test_a_restore_elsewhere_keeps_followers_going(
    store: PostgresStore, url: str, postgres: PostgresServer
) -> None:
    """Where transactions count from a lower number, old records come before new ones."""
    await store.accept([event("one", "ada")])
    await store.settle(settled(await claim_one(store), state=state("one")))
    await store.close()
    postgres.run("UPDATE consent_sync.ledger SET tx = tx + 1000000", name_of(url))
    await store.open()
    old = await store.newest_record()
    await store.accept([event("two", "ada")])
    await store.settle(settled(await claim_one(store)))
    new = [number for number, _, _ in await store.recent(after=old, limit=9)]

    assert (old, new) == (1, [2])


def test_every_step_of_the_layout_has_a_number_of_its_own() -> None:
    """Two steps of one number would leave out the second where the first has been taken."""
    numbers = [step.number for step in migrations()]

    assert numbers == list(range(1, len(numbers) + 1))
