"""Didomi's events that come while no mapping is in force: they wait, and find their persons."""

import orjson
import pytest

from consent_sync.adapters.actito.webhook import ActitoReceiver
from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.domain.identity import Normalise, Side, Subject, homeless
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import SECOND
from consent_sync.domain.verdicts import Verdict
from consent_sync.ports.store import NewEvent
from consent_sync.services.homes import Homes
from consent_sync.services.intake import Intake
from consent_sync.services.profiles import ProfileIndex
from tests.services.people import NOON, FixedMappings, StandingClock, didomi_event, mapping

ADA_A = Subject("brand-a", "ada@example.com")
ADA_B = Subject("brand-b", "Ada@Example.com")
ACCOUNTS = {"brand-a": "north", "brand-b": "south"}


def account_of(one: Mapping) -> str:
    return ACCOUNTS[one.name]


class House:
    """A door and the turns behind it, with no mapping in force at first."""

    def __init__(self) -> None:
        self.clock = StandingClock()
        self.store = MemoryStore(self.clock)
        self.mappings = FixedMappings()
        didomi = DidomiReceiver()
        self.homes = Homes(self.mappings, self.store, didomi, self.clock, account_of)
        self.intake = Intake(
            self.store,
            self.mappings,
            didomi,
            ActitoReceiver(),
            self.clock,
            ProfileIndex(),
            account_of,
        )

    def put_in_force(self, *mappings: Mapping) -> None:
        self.mappings.mappings |= {one.name: one for one in mappings}

    async def receives(self, ouid: str | None, *accounts: str, number: int = 1) -> None:
        body = orjson.dumps(didomi_event(ouid, number))
        await self.intake.accept_didomi(body, accounts or None)

    async def turn(self, subject: Subject | None = None) -> str:
        """Take the turn of those who wait for a mapping, and of nobody else."""
        [turn] = [
            one for one in await self.store.claim(9) if one.subject == (subject or homeless(None))
        ]
        return await self.homes.take(turn)

    async def waiting(self, subject: Subject) -> list[int]:
        return [item.event.received_at for item in await self.store.waiting(subject)]


@pytest.fixture
async def house() -> House:
    made = House()
    await made.store.open()
    return made


async def test_an_event_waits_while_no_mapping_is_in_force(house: House) -> None:
    """Nothing is decided, nothing is lost, and it is asked again a moment later."""
    await house.receives("Ada@Example.com")

    assert await house.turn() == "mapping_away"
    assert await house.waiting(homeless(None)) == [NOON]
    assert list(await house.store.claim(9)) == []

    house.clock.moment += 2 * SECOND

    assert await house.turn() == "mapping_away"


async def test_it_finds_its_person_in_every_mapping_that_comes_into_force(house: House) -> None:
    """By itself, spelled as each mapping says, with the moment at which it was received."""
    await house.receives("Ada@Example.com")
    house.put_in_force(mapping("brand-a"), mapping("brand-b", Normalise.NONE))
    house.clock.moment += 3600 * SECOND

    assert await house.turn() == "found_person"
    assert await house.waiting(ADA_A) == [NOON]
    assert await house.waiting(ADA_B) == [NOON]
    assert await house.waiting(homeless(None)) == []


async def test_events_of_an_account_wait_for_a_mapping_of_that_account(house: House) -> None:
    """A choice never reaches people of another organisation, however long it waits."""
    await house.receives("Ada@Example.com", "south")
    house.put_in_force(mapping("brand-a"))
    ended = [await house.turn(homeless({"south"}))]
    house.put_in_force(mapping("brand-b", Normalise.NONE))
    house.clock.moment += 2 * SECOND
    ended.append(await house.turn(homeless({"south"})))

    assert ended == ["mapping_away", "found_person"]
    assert await house.waiting(ADA_A) == []
    assert len(await house.waiting(ADA_B)) == 1


async def test_they_keep_their_order(house: House) -> None:
    """What came first is taken first, as if the mapping had been there all the time."""
    for number in (1, 2, 3):
        house.clock.moment += SECOND
        await house.receives("ada@example.com", number=number)
    house.put_in_force(mapping("brand-a"))
    await house.turn()

    moments = await house.waiting(ADA_A)
    assert moments == sorted(moments)
    assert len(moments) == 3


@pytest.mark.parametrize("ouid", [None, "   "])
async def test_nobody_does_not_wait(house: House, ouid: str | None) -> None:
    """An event without an organisation user id is kept, and waits for no mapping."""
    await house.receives(ouid)

    assert list(await house.store.claim(9)) == []


async def test_a_crash_between_two_mappings_lets_nobody_wait_twice(house: House) -> None:
    """The turn comes again after a crash, and finds what it did before."""
    await house.receives("Ada@Example.com")
    house.put_in_force(mapping("brand-a"), mapping("brand-b", Normalise.NONE))
    await house.store.replay(1, [ADA_B], NOON)
    await house.turn()

    assert await house.waiting(ADA_A) == [NOON]
    assert await house.waiting(ADA_B) == [NOON]


async def test_what_cannot_be_read_any_more_is_said(house: House) -> None:
    """A stored body that this version does not take ends as failed, and holds nobody up."""
    broken = NewEvent(Side.DIDOMI, "", "", b"x" * 16, NOON, b"{}", (homeless(None),), False)
    await house.store.accept([broken])
    await house.receives("ada@example.com")
    house.put_in_force(mapping("brand-a"))
    await house.turn()
    [record] = await house.store.timeline(homeless(None), 5)

    assert [entry.verdict for entry in record.entries] == [Verdict.FAILED]
    assert len(await house.waiting(ADA_A)) == 1


async def test_those_who_wait_for_a_mapping_are_not_counted_as_persons(house: House) -> None:
    """Nobody knows yet who they are; how long they wait is to be seen."""
    await house.receives("ada@example.com")
    status = await house.store.status()

    assert (status.persons, status.waiting_turns, status.oldest_waiting_at) == (0, 1, NOON)
