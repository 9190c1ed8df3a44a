"""The door: what is stored for whom, what counts as a duplicate, what is kept of a refusal."""

import hashlib

import orjson
import pytest

from consent_sync.adapters.actito.webhook import ActitoReceiver
from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.domain.errors import AbsentError, RefusedError
from consent_sync.domain.identity import Normalise, Side, Subject, unresolved_person
from consent_sync.domain.moments import MINUTE
from consent_sync.services.intake import KEPT_BYTES, STRANGERS_PER_MINUTE, Intake, Receipt
from consent_sync.services.profiles import ProfileIndex
from tests.services.people import FixedMappings, StandingClock, didomi_event, mapping


class Door:
    """An intake over a memory store, and what is needed to look behind it."""

    def __init__(self) -> None:
        self.clock = StandingClock()
        self.store = MemoryStore(self.clock)
        self.profiles = ProfileIndex()
        self.mappings = FixedMappings(mapping("brand-a"), mapping("brand-b", Normalise.NONE))
        self.intake = Intake(
            self.store,
            self.mappings,
            DidomiReceiver(),
            ActitoReceiver(),
            self.clock,
            self.profiles,
        )

    async def waiting(self, subject: Subject) -> int:
        return len(await self.store.waiting(subject))


@pytest.fixture
async def door() -> Door:
    made = Door()
    await made.store.open()
    return made


def body(value: object) -> bytes:
    return orjson.dumps(value)


async def test_didomi_event_goes_to_every_mapping(door: Door) -> None:
    """A Didomi event waits for its person in each mapping, spelled as that mapping says."""
    receipt = await door.intake.accept_didomi(body(didomi_event("Ada@Example.com")))

    assert receipt == Receipt(1, 0)
    assert await door.waiting(Subject("brand-a", "ada@example.com")) == 1
    assert await door.waiting(Subject("brand-b", "Ada@Example.com")) == 1


async def test_guest_is_stored_and_concerns_nobody(door: Door) -> None:
    """An event without an organisation user id is kept, and nobody's turn comes."""
    receipt = await door.intake.accept_didomi(body(didomi_event(None)))
    status = await door.store.status()

    assert receipt == Receipt(1, 0)
    assert status.waiting_turns == 0
    assert len(await door.store.events(refused=False, before=None, limit=10)) == 1


async def test_blank_name_concerns_nobody(door: Door) -> None:
    """A name of which normalising leaves nothing is no person in that mapping."""
    await door.intake.accept_didomi(body(didomi_event("   ")))

    assert await door.waiting(Subject("brand-a", "")) == 0


async def test_same_didomi_event_is_a_duplicate(door: Door) -> None:
    """The same event sent again, alone or in an array, is counted and not stored."""
    event = didomi_event("ada@example.com")
    await door.intake.accept_didomi(body(event))
    receipt = await door.intake.accept_didomi(body([event, didomi_event("ada@example.com", 2)]))

    assert receipt == Receipt(1, 1)


async def test_one_bad_element_refuses_all(door: Door) -> None:
    """Of an array with one element that is no event, nothing is stored."""
    with pytest.raises(RefusedError):
        await door.intake.accept_didomi(body([didomi_event("ada@example.com"), 3]))

    assert await door.waiting(Subject("brand-a", "ada@example.com")) == 0


async def test_actito_key_in_the_payload_names_the_person(door: Door) -> None:
    """The unique key in a delivery is the person, normalised, in this mapping only."""
    delivery = {"profileId": 7, "customerId": "ADA-1", "Newsletter": "true"}
    await door.intake.accept_actito("brand-a", body(delivery))

    assert await door.waiting(Subject("brand-a", "ada-1")) == 1
    assert await door.waiting(Subject("brand-b", "ADA-1")) == 0


async def test_hashed_identity(door: Door) -> None:
    """Where the mapping hashes identities, Actito's key becomes the hash that Didomi sends."""
    door.mappings.mappings["hashed"] = mapping("hashed", Normalise.SHA256)
    digest = hashlib.sha256(b"ada-1").hexdigest()
    await door.intake.accept_actito("hashed", body({"profileId": 7, "customerId": " ADA-1 "}))

    assert await door.waiting(Subject("hashed", digest)) == 1


async def test_remembered_profile_names_the_person(door: Door) -> None:
    """A delivery without the key goes to the person that this profile is known to be."""
    door.profiles.remember("brand-a", "7", "ada-1")
    await door.intake.accept_actito("brand-a", body({"profileId": 7, "Newsletter": "true"}))

    assert await door.waiting(Subject("brand-a", "ada-1")) == 1


async def test_profile_of_another_mapping_does_not_count(door: Door) -> None:
    """Profile numbers are the table's own, so one mapping's memory says nothing in another."""
    door.profiles.remember("brand-b", "7", "ada-1")
    await door.intake.accept_actito("brand-a", body({"profileId": 7, "Newsletter": "true"}))

    assert await door.waiting(Subject("brand-a", unresolved_person("7"))) == 1


async def test_equal_actito_deliveries_count_once_only_while_waiting(door: Door) -> None:
    """An equal delivery is a duplicate while the first still waits for its turn."""
    delivery = body({"profileId": 7, "customerId": "ada-1", "Newsletter": "true"})

    assert await door.intake.accept_actito("brand-a", delivery) == Receipt(1, 0)
    assert await door.intake.accept_actito("brand-a", delivery) == Receipt(0, 1)


async def test_unknown_mapping_is_absent(door: Door) -> None:
    """A delivery for a mapping that is not in force is told apart from a wrong one."""
    with pytest.raises(AbsentError):
        await door.intake.accept_actito("brand-z", body({"profileId": 7}))


@pytest.mark.parametrize(("status", "length"), [(400, 200_000), (415, KEPT_BYTES)])
async def test_refused_body_is_kept(door: Door, status: int, length: int) -> None:
    """What a known sender got wrong is kept whole; everything else is cut."""
    await door.intake.refuse(Side.ACTITO, "brand-a", status, "x: y", b"x" * 200_000, known=True)
    kept = await door.store.events(refused=True, before=None, limit=10)

    assert [(one.status, len(one.body)) for one in kept] == [(status, length)]


async def test_strangers_do_not_fill_the_disk(door: Door) -> None:
    """Of unknown senders only so many requests are kept each minute."""

    async def knock() -> bool:
        return await door.intake.refuse(Side.DIDOMI, "", 401, "bad-secret: x", b"x", known=False)

    first = [await knock() for _ in range(STRANGERS_PER_MINUTE + 5)]
    door.clock.moment += MINUTE
    later = await knock()

    assert sum(first) == STRANGERS_PER_MINUTE
    assert later


def test_index_forgets_the_longest_unused() -> None:
    """The memory of profiles is bounded, and what was just used stays."""
    index = ProfileIndex(limit=2)
    index.remember("m", "1", "one")
    index.remember("m", "2", "two")
    index.find("m", "1")
    index.remember("m", "3", "three")

    assert [index.find("m", number) for number in "123"] == ["one", None, "three"]
