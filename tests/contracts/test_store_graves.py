"""Who was erased stays out of every store, and nothing of them is left but the proof."""

import hashlib

import pytest

from consent_sync.domain.erasure import ERASED, EVERYWHERE, EXPIRED, Marks
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Side, Subject, unresolved_person
from consent_sync.ports.graves import Burial, Grave, Removed
from consent_sync.ports.store import RefusedRequest, Settlement, Store
from tests.contracts.store_kit import START, HandClock, Restart, event, hint, subject

ADA = "ada@example.com"


def burial(*spellings: str, scope: str = EVERYWHERE, subjects: tuple[Subject, ...] = ()) -> Burial:
    return Burial(Marks().of(scope, spellings or (ADA,)), subjects, START, "command", "keep")


async def settled(store: Store, *others: str) -> None:
    """One turn of everybody who waits."""
    for turn in await store.claim(10):
        done = tuple(item.id for item in turn.items)
        await store.settle(Settlement(turn.subject, turn.state, None, done))


async def test_everything_of_a_buried_person_is_gone(store: Store) -> None:
    """State, waiting items and the content of their events go; the count of persons follows."""
    await store.accept([event("one", "ada"), event("two", "bob")])

    removed = await store.bury(burial(subjects=(subject("ada"),)))

    assert removed == Removed(persons=1, waiting=1, records=0, events=1)
    assert await store.waiting(subject("ada")) == ()
    assert [turn.subject for turn in await store.claim(10)] == [subject("bob")]
    events = await store.events(refused=False, before=None, limit=10)
    assert [(one.body, one.problem) for one in events] == [(b"two", ""), (b"", ERASED)]
    status = await store.status()
    assert (status.persons, status.waiting_turns) == (1, 1)


@pytest.mark.parametrize("spelling", [ADA, ADA.upper(), f" {ADA.title()} "])
async def test_no_webhook_brings_an_erased_person_back(store: Store, spelling: str) -> None:
    """Whatever the letter case or the space: the event is kept as a fact, without its content."""
    await store.bury(burial())
    person = Subject("main", spelling)

    new = await store.accept([event("late")._replace(subjects=(person,))])

    assert list(new) == [True]
    assert await store.claim(10) in ([], ())
    [kept] = await store.events(refused=False, before=None, limit=10)
    assert (kept.body, kept.problem, kept.waiting) == (b"", ERASED, False)
    assert (await store.status()).persons == 0


async def test_hints_about_an_erased_person_are_kept_without_content(store: Store) -> None:
    """Also what may repeat: each one is answered as taken and holds nothing."""
    await store.bury(burial())

    new = await store.accept([hint("shout", "ada")])

    assert list(new) == [True]
    assert [one.body for one in await store.events(refused=False, before=None, limit=9)] == [b""]


async def test_others_in_the_same_event_keep_it(store: Store) -> None:
    """An event about an erased person and another one goes to the other one alone."""
    await store.bury(burial())

    await store.accept([event("both", "ada", "bob")])

    assert [turn.subject for turn in await store.claim(10)] == [subject("bob")]
    [kept] = await store.events(refused=False, before=None, limit=9)
    assert kept.body == b"both"


async def test_no_replay_brings_an_erased_person_back(store: Store) -> None:
    """A stored event is queued for the others only."""
    await store.accept([event("both", "bob")])
    await settled(store)
    await store.bury(burial())

    await store.replay(1, [subject("ada"), subject("bob")], START)

    assert [turn.subject for turn in await store.claim(10)] == [subject("bob")]


async def test_an_item_that_turns_out_to_be_of_an_erased_person_ends(store: Store) -> None:
    """A profile whose owner is found to be erased hands nothing on."""
    stand_in = Subject("main", unresolved_person("77"))
    await store.accept([hint("about 77")._replace(subjects=(stand_in,))])
    await store.bury(burial())
    [turn] = await store.claim(1)

    moved = tuple((item.id, subject("ada")) for item in turn.items)
    await store.settle(Settlement(stand_in, turn.state, None, moved=moved))

    assert list(await store.claim(10)) == []
    assert (await store.status()).waiting_turns == 0
    [kept] = await store.events(refused=False, before=None, limit=9)
    assert kept.body == b""


async def test_a_turn_under_way_cannot_be_recorded(store: Store) -> None:
    """What a turn learnt before its person was erased is not written back."""
    await store.accept([event("one", "ada")])
    [turn] = await store.claim(1)
    await store.bury(burial(subjects=(subject("ada"),)))

    with pytest.raises(StoreError):
        await store.announce(turn.subject, ())
    with pytest.raises(StoreError):
        await store.settle(Settlement(turn.subject, turn.state, None, (turn.items[0].id,)))

    assert await store.person(subject("ada")) is None


async def test_a_tombstone_of_one_mapping_leaves_the_others_alone(store: Store) -> None:
    """The same name in another mapping may be another human."""
    await store.bury(burial(scope="main"))

    await store.accept([event("one", "ada"), event("two", "ada", mapping="other")])

    assert [turn.subject.mapping for turn in await store.claim(10)] == ["other"]


async def test_a_hash_of_the_name_is_barred_too(store: Store) -> None:
    """A mapping that knows persons by their SHA-256 does not take them back."""
    await store.bury(burial("ada@example.com"))
    hashed = hashlib.sha256(b"ada@example.com").hexdigest()

    await store.accept([event("one")._replace(subjects=(Subject("main", hashed),))])

    assert list(await store.claim(10)) == []


async def test_tombstones_outlive_a_restart_and_are_proof(store: Store, restart: Restart) -> None:
    """When, why and by which policy is told; nothing of it names the person."""
    await store.bury(burial())
    marks = Marks().of(EVERYWHERE, (ADA,))
    store = await restart()

    await store.cleared(marks, START + 5)
    await store.accept([event("late", "ada")])

    assert list(await store.claim(10)) == []
    assert list(await store.graves(marks)) == [
        Grave(mark, START, "command", "keep", None, START + 5) for mark in marks
    ]


async def test_a_lift_lets_a_person_come_back(store: Store, clock: HandClock) -> None:
    """Only then; the proof says when, and they can be erased again."""
    await store.bury(burial(subjects=(subject("ada"),)))
    marks = Marks().of(EVERYWHERE, (ADA,))

    lifted = await store.lift(marks, START + 9)
    await store.accept([event("new life", "ada")])

    assert lifted == len(marks)
    assert [turn.subject for turn in await store.claim(10)] == [subject("ada")]
    assert {one.lifted_at for one in await store.graves()} == {START + 9}


async def test_a_person_can_be_erased_come_back_and_be_erased_again(
    store: Store, restart: Restart
) -> None:
    """A new life has nothing of the old one, also after a restart."""
    marks = Marks().of(EVERYWHERE, (ADA,))
    for round_ in range(3):
        await store.accept([event(f"life {round_}", "ada")])
        await settled(store)
        await store.bury(burial(subjects=(subject("ada"),)))
        await store.lift(marks, START)
        store = await restart()

    assert await store.person(subject("ada")) is None
    assert (await store.status()).persons == 0


async def test_names_are_handed_out_page_by_page(store: Store) -> None:
    """Everybody ever named, also who has no state yet."""
    await store.accept([event("one", "ada"), event("two", "bob")])

    [(first, ada)] = await store.names(0, 1)
    [(second, bob)] = await store.names(first, 5)

    assert (ada, bob) == (subject("ada"), subject("bob"))
    assert list(await store.names(second, 5)) == []


async def test_what_somebody_waits_for_is_not_scrubbed(store: Store) -> None:
    """The content of an event goes only when no turn needs it."""
    await store.accept([event("one", "bob")])

    before = await store.scrub([1])
    await settled(store)

    assert (before, await store.scrub([1])) == (0, 1)


async def test_old_content_fades_page_by_page(store: Store) -> None:
    """What is younger stays, duplicates are still known, and what was refused keeps its reason."""
    old, young = event("old", "ada"), event("young", "bob", at=START + 100)
    await store.accept([old])
    await store.refuse(RefusedRequest(Side.DIDOMI, "", START, 401, "no secret", b"who knows"))
    await store.accept([young])
    await settled(store)

    first = await store.fade(0, START + 1, 1)
    second = await store.fade(first or 0, START + 1, 5)

    assert second is not None
    assert await store.fade(second, START + 1, 5) is None
    accepted = await store.events(refused=False, before=None, limit=9)
    assert [(one.body, one.problem) for one in accepted] == [(b"young", ""), (b"", EXPIRED)]
    [refused] = await store.events(refused=True, before=None, limit=9)
    assert (refused.body, refused.problem) == (b"", "no secret")
    assert list(await store.accept([old])) == [False]


async def test_what_a_turn_waits_for_does_not_fade(store: Store) -> None:
    """However old it is."""
    await store.accept([event("old", "ada")])

    await store.fade(0, START + 1, 5)

    [turn] = await store.claim(1)
    assert turn.items[0].event.body == b"old"
