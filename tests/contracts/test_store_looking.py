"""The looking: persons, timelines, events and counts."""

import pytest

from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Desk, Names, Side, Subject, unresolved_person
from consent_sync.domain.moments import SECOND
from consent_sync.domain.state import PersonState
from consent_sync.ports.store import Settlement, SideStatus, Store, Summary
from tests.contracts.store_kit import (
    START,
    Restart,
    claim_one,
    event,
    hint,
    record,
    refused,
    settled,
    state,
    subject,
)


async def test_nobody_is_nobody(store: Store) -> None:
    """A person never named has no state, no timeline and nothing waiting."""
    nobody = subject("nobody")

    assert await store.person(nobody) is None
    assert list(await store.timeline(nobody, 5)) == []
    assert await store.waiting(nobody) == ()


async def test_a_person_is_known_by_what_was_settled(store: Store, restart: Restart) -> None:
    """The state and the timeline are durable."""
    await store.accept([event("one", "ada")])
    await store.settle(settled(await claim_one(store), state=state("ADA"), record=record()))
    store = await restart()

    assert await store.person(subject("ada")) == state("ADA")
    assert await store.timeline(subject("ada"), 5) == [record()]


async def test_a_profile_leads_to_its_person(store: Store, restart: Restart) -> None:
    """The Actito profile id that a settled state names finds the person, within its mapping."""
    names = Names("ada", "ada", "12345")
    await store.accept([event("one", "ada")])
    await store.settle(settled(await claim_one(store), state=PersonState(names)))
    store = await restart()

    assert await store.find_profile("main", "12345") == "ada@example.com"
    assert await store.find_profile("other", "12345") is None
    assert await store.find_profile("main", "54321") is None


async def test_a_profile_id_that_changed_is_forgotten(store: Store) -> None:
    """Only the newest state of a person counts."""
    for profile_id in ("12345", "54321"):
        await store.accept([event(profile_id, "ada")])
        state_then = PersonState(Names("ada", "ada", profile_id))
        await store.settle(settled(await claim_one(store), state=state_then))

    assert await store.find_profile("main", "12345") is None
    assert await store.find_profile("main", "54321") == "ada@example.com"


async def test_a_stand_in_is_no_person_of_a_profile(store: Store) -> None:
    """A profile whose person is not known yet leads to nobody."""
    stand_in = Subject("main", unresolved_person("12345"))
    await store.accept([event("one")._replace(subjects=(stand_in,))])
    state_then = PersonState(Names(profile_id="12345"))
    await store.settle(settled(await claim_one(store), state=state_then))

    assert await store.find_profile("main", "12345") is None


async def test_a_timeline_is_newest_first_and_of_one_person(store: Store) -> None:
    """Records of others are not in it, and it is as long as asked for."""
    for n in range(4):
        await store.accept([event(f"a{n}", "ada"), event(f"b{n}", "ben")])
        for turn in await store.claim(2):
            reason = f"{turn.subject.person} {n}"
            await store.settle(settled(turn, record=record(reason=reason)))

    timeline = await store.timeline(subject("ada"), 3)

    assert [r.entries[0].reason for r in timeline] == [
        "ada@example.com 3",
        "ada@example.com 2",
        "ada@example.com 1",
    ]


async def test_a_settlement_may_have_no_record(store: Store) -> None:
    """State without a record changes the person and nothing in the ledger."""
    for n in range(2):
        await store.accept([event(f"e{n}", "ada")])
        await store.settle(settled(await claim_one(store), record=record() if n == 0 else None))

    assert len(await store.timeline(subject("ada"), 5)) == 1


async def test_recent_records_follow_along(store: Store) -> None:
    """Records come oldest first, after the number given, with the person they are about."""
    await store.accept([event(f"e{n}", f"p{n}") for n in range(4)])
    for turn in await store.claim(4):
        await store.settle(settled(turn, record=record(reason=turn.subject.person)))

    first = await store.recent(after=0, limit=3)
    rest = await store.recent(after=first[-1][0], limit=3)

    assert [s.person for _, s, _ in first] == [f"p{n}@example.com" for n in range(3)]
    assert [(s.person, r.entries[0].reason) for _, s, r in rest] == [
        ("p3@example.com", "p3@example.com")
    ]


async def test_events_are_listed_newest_first_by_pages(store: Store) -> None:
    """`before` continues where a page ended; refused requests are listed apart."""
    await store.accept([event(f"e{n}") for n in range(3)])
    await store.refuse(refused("bad"))
    await store.accept([event("e3")])

    first = await store.events(refused=False, before=None, limit=3)
    rest = await store.events(refused=False, before=first[-1].id, limit=3)
    bad = await store.events(refused=True, before=None, limit=3)

    assert [e.body for e in first] == [b"e3", b"e2", b"e1"]
    assert [e.body for e in rest] == [b"e0"]
    assert [e.body for e in bad] == [b"bad"]


async def test_events_are_listed_by_source(store: Store) -> None:
    """Only those of the source asked for are shown."""
    await store.accept([event("d"), hint("a")])
    await store.refuse(refused("bad d"))
    await store.refuse(refused("bad a", source=Side.ACTITO))

    kept = await store.events(refused=False, before=None, limit=9, source=Side.ACTITO)
    bad = await store.events(refused=True, before=None, limit=9, source=Side.DIDOMI)
    all_bad = await store.events(refused=True, before=None, limit=9)

    assert [e.body for e in kept] == [b"a"]
    assert [e.body for e in bad] == [b"bad d"]
    assert [e.body for e in all_bad] == [b"bad a", b"bad d"]


async def test_an_event_says_if_it_still_waits(store: Store) -> None:
    """It waits until the turn that took it has ended."""
    await store.accept([event("one", "ada")])
    turn = await claim_one(store)
    number = turn.items[0].event.id
    before = await store.event(number)
    await store.settle(settled(turn))
    after = await store.event(number)

    assert before is not None
    assert after is not None
    assert (before.waiting, after.waiting) == (True, False)


async def test_no_event_has_this_number(store: Store) -> None:
    """An unknown number is no event."""
    assert await store.event(99) is None


async def test_an_empty_store_has_nothing_to_report(store: Store) -> None:
    """All counts are zero and no moment is known."""
    status = await store.status()

    assert status.sides == {side: SideStatus(None, 0, 0) for side in Side}
    assert (status.waiting_turns, status.retrying_turns, status.persons) == (0, 0, 0)
    assert (status.oldest_waiting_at, status.oldest_waiting_optout_at) == (None, None)


async def test_status_counts_what_came_in(store: Store) -> None:
    """Per side: accepted, refused, and when it last spoke; duplicates do not count."""
    await store.accept(
        [event("one", "ada"), event("two", "ada", at=START + 9), event("one", "ada")]
    )
    await store.refuse(refused("bad"))
    status = await store.status()

    assert status.sides[Side.DIDOMI] == SideStatus(START + 9, 2, 1)
    assert status.sides[Side.ACTITO] == SideStatus(None, 0, 0)
    assert (status.waiting_turns, status.persons, status.oldest_waiting_at) == (1, 1, START)


async def test_status_counts_turns(store: Store, restart: Restart) -> None:
    """Waiting ones have items, retrying ones have failed; both survive a restart."""
    await store.accept([event(f"e{n}", f"p{n}") for n in range(4)])
    first, second, third, fourth = await store.claim(4)
    await store.settle(settled(fourth, due_at=START + SECOND))
    await store.settle(settled(first))
    await store.settle(settled(second, done=(), due_at=START + SECOND, attempts=1))
    await store.settle(settled(third, due_at=START + SECOND, attempts=1))
    store = await restart()
    status = await store.status()

    assert (status.waiting_turns, status.retrying_turns, status.persons) == (1, 2, 4)


async def test_those_with_dead_letters_are_found_page_by_page(
    store: Store, restart: Restart
) -> None:
    """Nobody else is read, a stand-in is nobody, and whoever came right is not found any more."""
    stand_in = Subject("main", unresolved_person("1042"))
    names = ("ada", "ben", "cem", "dan")
    await store.accept([event(name, name) for name in names])
    await store.accept([hint("five")._replace(subjects=(stand_in,))])
    for turn in await store.claim(5):
        failed = int("ben" not in turn.subject.person)
        await store.settle(settled(turn, summary=Summary(failed=failed)))
    await store.accept([event("better", "dan")])
    await store.settle(settled(await claim_one(store), summary=Summary()))
    store = await restart()
    [first] = await store.people(0, 1, failed=True)
    [second] = await store.people(first[0], 5, failed=True)

    assert [first[1], second[1]] == [subject("ada"), subject("cem")]
    assert first[2] == state("settled")
    assert not await store.people(second[0], 5, failed=True)


async def test_status_counts_people_only(store: Store, restart: Restart) -> None:
    """A profile number that stands for somebody who has to be found is nobody yet."""
    stand_in = Subject("main", unresolved_person("1042"))
    await store.accept([event("one", "ada"), hint("two")._replace(subjects=(stand_in,))])
    store = await restart()
    before = await store.status()
    turns = await store.claim(2)
    found = next(turn for turn in turns if turn.subject == stand_in)
    moved = ((found.items[0].id, subject("ben")),)
    await store.settle(Settlement(stand_in, found.state, None, moved=moved))

    assert before.persons == 1
    assert (await store.status()).persons == 2


async def test_status_counts_a_moved_item_for_its_new_person(store: Store) -> None:
    """The line of the one gets shorter, the line of the other longer."""
    await store.accept([event("one", "profile")])
    turn = await claim_one(store)
    await store.settle(settled(turn, done=(), moved=((turn.items[0].id, subject("ada")),)))

    assert (await store.status()).waiting_turns == 1


async def test_status_sums_up_what_settlements_said(store: Store) -> None:
    """Held and failed lines are summed, the oldest opt-out is found, and all can end."""
    await store.accept([event("one", "ada"), event("two", "ben")])
    ada, ben = await store.claim(2)
    await store.settle(settled(ada, summary=Summary(2, 1, START + 5)))
    await store.settle(settled(ben, summary=Summary(1, 0, START + 3)))
    during = await store.status()
    await store.accept([event("three", "ada"), event("four", "ben")])
    for turn in await store.claim(2):
        await store.settle(settled(turn))
    after = await store.status()

    assert (during.held, during.failed, during.oldest_waiting_optout_at) == (3, 1, START + 3)
    assert (after.held, after.failed, after.oldest_waiting_optout_at) == (0, 0, None)


async def test_a_check_passes_on_a_working_store(store: Store) -> None:
    """It returns when the store can read and commit."""
    await store.check()


async def test_a_closed_store_says_so(store: Store) -> None:
    """Every call after close is refused; closing twice is harmless."""
    await store.close()
    await store.close()

    with pytest.raises(StoreError, match="not open"):
        await store.check()
    with pytest.raises(StoreError, match="not open"):
        await store.accept([event("one", "ada")])
    with pytest.raises(StoreError, match="not open"):
        await store.claim(1)
    with pytest.raises(StoreError, match="not open"):
        await store.status()


async def test_an_open_store_cannot_be_opened_again(store: Store) -> None:
    """Opening twice is a mistake that is told."""
    with pytest.raises(StoreError, match="already open"):
        await store.open()


async def test_an_operators_word_is_kept_like_any_event(store: Store, restart: Restart) -> None:
    """It waits for its turn, is listed and looked up, and is no news of either side."""
    await store.accept([event("word", "ada", source=Desk.OPERATOR, repeatable=True)])
    store = await restart()
    [kept] = await store.events(refused=False, before=None, limit=5)
    status = await store.status()

    assert kept.source is Desk.OPERATOR
    assert await store.event(kept.id) == kept
    assert all(side.events == 0 for side in status.sides.values())
    turn = await claim_one(store)
    assert [item.event.source for item in turn.items] == [Desk.OPERATOR]
