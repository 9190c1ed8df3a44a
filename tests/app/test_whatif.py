"""What edited files would do to people: raised, lowered or left alone, by line."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from consent_sync.adapters.storage.past import SqlitePast
from consent_sync.app.whatif import Effect
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Normalise, Subject
from tests.app.village import HEAD, LINES, Village, effects, mapping

RAISED, LOWERED, UNCHANGED = Effect.RAISED, Effect.LOWERED, Effect.UNCHANGED
HELD = Effect.HELD
ADA, BEN, EVE = "ada@example.com", "ben@example.com", "eve@example.com"


@pytest.fixture
async def village(tmp_path: Path) -> AsyncIterator[Village]:
    made = Village(tmp_path / "store.db")
    await made.store.open()
    for person in (ADA, BEN, EVE):
        made.profiles.profile(person)
    yield made
    await made.store.close()


async def test_the_same_mapping_changes_nothing(village: Village) -> None:
    """What has happened already happens to nobody a second time."""
    await village.chooses(ADA, email=True)
    await village.changes(ADA, Newsletter=False)
    await village.chooses(BEN, email=True, p_marketing=False)
    rows = await village.what_if(mapping())

    assert {row.effect for row in rows} == {UNCHANGED}
    assert {(row.person, row.line) for row in rows} == {
        (person, line) for person in (ADA, BEN) for line in ("Newsletter", "DailyDeals")
    }
    told = next(row for row in rows if (row.person, row.line) == (BEN, "Newsletter"))
    assert (told.didomi_after, told.actito_after) == ("granted", "subscribed")


async def test_a_line_on_another_place(village: Village) -> None:
    """Whoever said no there is lowered; a yes there that meets a no is held; others are left alone."""
    await village.chooses(ADA, email=True, p_marketing=False)
    await village.chooses(BEN, email=False, p_marketing=True)
    await village.chooses(EVE, email=True)
    moved = mapping(LINES.replace("{channel: email}", "{purpose: marketing}", 1))
    rows = await village.what_if(moved)

    assert effects(rows, "Newsletter") == {ADA: LOWERED, BEN: HELD, EVE: UNCHANGED}
    ada = next(row for row in rows if (row.person, row.line) == (ADA, "Newsletter"))
    assert (ada.actito_before, ada.actito_after) == ("subscribed", "not subscribed")
    assert ada.reason == "refused in Didomi"
    assert ada.line_number == moved.lines[0].line_number


async def test_a_line_turned_round_by_a_slip(village: Village) -> None:
    """`inverted` turns a no into a subscription: that is told as a raise, whatever the file says."""
    await village.chooses(ADA, email=True)
    await village.chooses(BEN, email=False)
    rows = await village.what_if(mapping(LINES.replace("email}\n", "email}\n    inverted: true\n")))

    assert effects(rows, "Newsletter")[BEN] is RAISED
    ben = next(row for row in rows if (row.person, row.line) == (BEN, "Newsletter"))
    assert (ben.actito_before, ben.actito_after) == ("not subscribed", "subscribed")


async def test_a_new_line_carries_what_was_said(village: Village) -> None:
    """A subscription that is mapped for the first time is raised for who agreed, and only there."""
    await village.chooses(ADA, email=True, sms=True)
    await village.chooses(BEN, sms=False)
    await village.chooses(EVE, email=False)
    rows = await village.what_if(mapping(LINES + "  - {id: Sms, value: {channel: sms}}\n"))

    assert effects(rows, "Sms") == {ADA: RAISED, BEN: LOWERED, EVE: UNCHANGED}
    assert set(effects(rows, "Newsletter").values()) == {UNCHANGED}


async def test_what_actito_showed_of_a_new_line_counts(village: Village) -> None:
    """A subscription that the newest reading shows is not raised a second time."""
    village.profiles.profile(ADA).subscriptions["Sms"] = True
    await village.chooses(ADA, email=True, sms=True)
    rows = await village.what_if(mapping(LINES + "  - {id: Sms, value: {channel: sms}}\n"))

    assert effects(rows, "Sms") == {ADA: UNCHANGED}


async def test_a_removed_line_changes_nobody(village: Village) -> None:
    """What it last wrote stays, and the row says why."""
    await village.chooses(ADA, email=True)
    rows = await village.what_if(mapping("  - {id: DailyDeals, value: {purpose: marketing}}\n"))
    row = next(row for row in rows if row.line == "Newsletter")

    assert (row.effect, row.reason) == (UNCHANGED, "the line is removed")
    assert row.actito_after == "subscribed"


async def test_a_looser_way_raises(village: Village) -> None:
    """A yes that a strict line did not let count counts on a line that flows both ways."""
    await village.chooses(ADA, p_marketing=True)
    await village.changes(ADA, DailyDeals=False)
    await village.chooses(ADA, p_marketing=True)
    loose = mapping(LINES.replace("    sync: two-way-strict\n", ""))
    rows = await village.what_if(loose)

    assert effects(rows, "DailyDeals") == {ADA: RAISED}


async def test_another_regulation_is_no_raise(village: Village) -> None:
    """Choices under a regulation that the file accepts only now are compared like any other."""
    await village.chooses(ADA, regulation="cpra", email=True)
    both = mapping(head=HEAD.replace("[gdpr]", "[gdpr, cpra]"))
    rows = await village.what_if(both)

    assert effects(rows, "Newsletter") == {ADA: RAISED}


async def test_a_mapping_that_is_new(village: Village) -> None:
    """People known from Didomi's events alone are raised where they agreed."""
    await village.chooses(ADA, email=True)
    await village.chooses(BEN, email=False)
    new = mapping(head=HEAD.replace("brand-a", "brand-b").replace("Customers", "Members"))
    rows = await village.what_if(new)

    assert effects(rows, "Newsletter") == {ADA: RAISED, BEN: LOWERED}
    assert {row.mapping for row in rows} == {"brand-b"}


async def test_people_of_another_account_are_not_touched(village: Village) -> None:
    """Where there are several accounts, a new mapping sees only people whom its own account knows."""
    await village.chooses(ADA, email=True)
    new = mapping(head=HEAD.replace("brand-a", "brand-b").replace("Customers", "Members"))

    assert await village.what_if(new, accounts={"brand-b": "b"}) == []
    assert await village.what_if(new, accounts={"brand-a": "b", "brand-b": "b"})


async def test_only_what_was_stored_since(village: Village) -> None:
    """People who said nothing in that time are not in the answer."""
    await village.chooses(ADA, email=True)
    later = village.clock.now() + 1
    await village.chooses(BEN, email=True)
    rows = await village.what_if(mapping(), since=later)

    assert {row.person for row in rows} == {BEN}
    assert await village.what_if(mapping(), since=village.clock.now() + 1) == []
    assert len(await village.what_if(mapping(), since=0)) == 4


async def test_webhooks_that_name_a_profile_find_their_person(village: Village) -> None:
    """Actito's number leads to the person whose profile it is."""
    await village.chooses(ADA, email=True)
    since = village.clock.now() + 1
    await village.changes(ADA, whole=False, Newsletter=False)
    rows = await village.what_if(mapping(), since=since)

    assert effects(rows, "Newsletter") == {ADA: UNCHANGED}
    assert rows[0].actito_after == "not subscribed"


async def test_names_compared_another_way(village: Village) -> None:
    """Under another `normalise` what is known of a person is found under the old key."""
    await village.chooses("Ada@Example.com", email=True)
    lower = replace(mapping(), normalise=Normalise.LOWER)
    rows = await village.what_if(lower)

    assert effects(rows, "Newsletter") == {ADA: UNCHANGED}


async def test_many_events_of_one_person_are_taken_in_parts(village: Village) -> None:
    """More events than a turn takes are all taken, in their order."""
    for number in range(205):
        await village.chooses(ADA, email=number % 2 == 0)
    rows = await village.what_if(mapping())

    assert effects(rows, "Newsletter") == {ADA: UNCHANGED}
    assert rows[0].didomi_after == "granted"


async def test_nothing_is_written(village: Village) -> None:
    """Neither the ledger nor what waits nor what is known of a person changes."""
    await village.chooses(ADA, email=False)
    before = (await village.store.status(), await village.store.recent(after=0, limit=100))
    turned = mapping(LINES.replace("email}\n", "email}\n    inverted: true\n"))
    await village.what_if(turned)

    assert before == (await village.store.status(), await village.store.recent(after=0, limit=100))
    assert village.profiles.profile(ADA).subscriptions == {"Newsletter": False}


async def test_a_server_that_starts_meanwhile_is_noticed(village: Village, tmp_path: Path) -> None:
    """A file that was read as if it never changed is not trusted when somebody begins to write."""
    await village.chooses(ADA, email=True)
    await village.store.close()
    past = SqlitePast(tmp_path / "store.db")
    await village.store.open()
    try:
        with pytest.raises(StoreError, match="run the command again"):
            await past.person(Subject("brand-a", ADA))
    finally:
        await past.close()
