"""What went wrong elsewhere, told once more with this program between the two platforms.

Each test is one story of other people's; docs/explanation/disasters.md tells them to people.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from consent_sync.simulators.actito.refusal import RefusalError
from tests.system.harness import MAPPING, Person, Town, didomi_event, moment, town, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

CREATING = MAPPING + "upsert_mode: true\nidentity: {normalise: lower}\n"


def newsletter(on: bool) -> dict[str, object]:
    return {"channels": {"email": on}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """A town whose mapping creates profiles, and takes every letter case for the same person."""
    async with town(tmp_path_factory.mktemp("town"), mappings={"brand-a": CREATING}) as place:
        # Somebody who stays: a profile that is found tells a missing one from a lost right.
        gil = place.person("gil")
        place.didomi.click(gil.ouid, newsletter(False))
        await place.agree(gil, "Newsletter", False)
        yield place


def has_profile(place: Town, key: str) -> bool:
    """Say whether Actito has a profile under this spelling."""
    try:
        place.actito.world.subscriptions(f"customerId={key}")
    except RefusalError:
        return False
    return True


async def test_a_resync_that_resubscribes_thousands(tmp_path: Path) -> None:
    """After ten the rest waits for an operator, and nobody who refuses has to wait meanwhile."""
    people = [f"person-{number}@example.com" for number in range(40)]
    variables = {"GUARD_RAISED_LINES": "10"}
    async with town(tmp_path, mappings={"brand-a": CREATING}, variables=variables) as place:
        known = [Person(one, place.profile(one, Newsletter=False)) for one in people]
        for one in people:
            place.didomi.click(one, newsletter(True))
        await place.quiet()
        raised = [one for one in known if place.in_actito(one, "Newsletter")]
        waiting = [one for one in known if one not in raised]
        held = (await place.get("/api/v1/held?mapping=brand-a&line=Newsletter")).body

        assert (len(raised), held["total"]) == (10, 30)
        assert {one["verdict"] for one in held["lines"]} == {"held_guard"}
        # A restart forgets neither what is held nor what was let through.
        await place.service.stop()
        await place.service.start()
        place.connect()
        for person in (raised[0], waiting[0]):
            place.didomi.click(person.ouid, newsletter(False))
        place.didomi.click(waiting[1].ouid, {"purposes": {"marketing": True}})
        await until(
            "both refusals are in Actito",
            lambda: not any(place.in_actito(one, "Newsletter") for one in (raised[0], waiting[0])),
        )
        await place.quiet()
        held = (await place.get("/api/v1/held")).body
        assert sorted(one["line"] for one in held["lines"]) == ["DailyDeals", *["Newsletter"] * 29]
        keys = ("mapping", "person", "line", "ticket")
        lines = [{key: one[key] for key in keys} for one in held["lines"]]
        answer = await place.post("/api/v1/held/reject", {"lines": lines})
        await place.quiet()

        assert answer.body == {"taken": 30, "changed": 0}
        assert sum(bool(place.in_actito(one, "Newsletter")) for one in known) == 9
        assert sum(bool(place.in_didomi(one, "Newsletter")) for one in known) == 9


async def test_an_own_write_that_comes_back_creates_nobody_anew(place: Town) -> None:
    """The echoes of our writes arrive after the person was erased and the profile deleted."""
    ada = Person("ada@example.com")
    place.didomi.click(ada.ouid, newsletter(True))
    await until("her profile is there", lambda: has_profile(place, ada.ouid))
    await place.quiet()
    echo = {"customerId": ada.ouid, "Newsletter": "true"}
    event = didomi_event(ada.ouid, "late-echo", moment(), Newsletter=True)
    erased = await place.post("/api/v1/erasures", {"person": ada.ouid})
    place.actito.people.delete(f"customerId={ada.ouid}")
    answers = [await place.actito_says(echo), await place.didomi_says(event)]
    await place.quiet()

    assert erased.status == 200
    assert [one.status for one in answers] == [200, 200]
    assert not has_profile(place, ada.ouid)
    assert not (await place.get(f"/api/v1/persons/{ada.ouid}")).body["known"]


async def test_an_erased_person_does_not_return_with_another_letter_case(place: Town) -> None:
    """Neither platform brings back under another spelling who was erased here."""
    bea = Person("bea@example.com")
    place.didomi.click(bea.ouid, newsletter(True))
    await until("her profile is there", lambda: has_profile(place, bea.ouid))
    await place.quiet()
    await place.post("/api/v1/erasures", {"person": bea.ouid})
    place.didomi.click("BEA@Example.com", newsletter(True))
    await place.actito_says({"customerId": " Bea@example.COM", "Newsletter": "true"})
    await place.quiet()

    assert not has_profile(place, "BEA@Example.com")
    assert not (await place.get("/api/v1/persons/BEA@Example.com")).body["known"]


async def test_an_old_file_does_not_beat_last_nights_refusal(place: Town, tmp_path: Path) -> None:
    """Neither with its old date nor without any, and not even where the load may raise."""
    cleo = place.person("cleo")
    place.didomi.click(cleo.ouid, newsletter(False))
    await place.agree(cleo, "Newsletter", False)
    file = tmp_path / "choices.csv"
    file.write_text(
        f"person;Newsletter;time\n{cleo.ouid};yes;2025-03-01T10:00:00Z\n{cleo.ouid};yes;\n",
        encoding="utf-8",
    )
    load = ("backfill", "--from", "csv", "--choices", str(file), "--may-raise", "--yes")
    code, told = await place.service.command(*load)
    await place.quiet()

    assert code == 0, told
    assert place.both(cleo, "Newsletter") == (False, False)


async def test_a_second_regulation_does_not_overwrite_the_first(place: Town) -> None:
    """What is said under another law is recorded, and touches no line of this one."""
    place.didomi.turn(multi_regulation=True)
    dirk = place.person("dirk")
    place.didomi.click(dirk.ouid, newsletter(False))
    await place.agree(dirk, "Newsletter", False)
    before = await place.view(dirk, "Newsletter")
    place.didomi.click(dirk.ouid, newsletter(True), regulation="cpra")
    await place.quiet()

    assert place.in_actito(dirk, "Newsletter") is False
    assert place.in_didomi(dirk, "Newsletter") is False
    assert await place.view(dirk, "Newsletter") == before
    assert "blocked_regulation" in await place.verdicts(dirk)


@pytest.mark.parametrize("consents", [{}, {"channels": None}, {"channels": []}])
async def test_a_missing_key_is_not_a_refusal(place: Town, consents: dict[str, object]) -> None:
    """What a webhook does not name, or names as null, was not refused."""
    eve = place.person(f"eve{len(str(consents))}", Newsletter=True)
    place.didomi.click(eve.ouid, newsletter(True))
    await place.agree(eve, "Newsletter", True)
    event = didomi_event(eve.ouid, f"bare-{eve.profile}", moment(1))
    event["parameters"]["entity"]["consents"] = consents
    await place.didomi_says(event)
    await place.actito_says({"customerId": eve.ouid, "DailyDeals": None})
    await place.quiet()

    assert place.both(eve, "Newsletter") == (True, True)
    assert (await place.view(eve, "Newsletter"))["desired"] == "granted"


async def test_a_refusal_that_comes_late_is_not_dropped(place: Town) -> None:
    """Two hours on the way are no reason to go on writing to somebody who said stop."""
    finn = Person("finn@example.com", place.profile("finn@example.com", Newsletter=True))
    two_hours_ago = datetime.now(UTC) - timedelta(hours=2)
    place.didomi.click(finn.ouid, newsletter(False), at=two_hours_ago)
    await place.agree_in_actito(finn, "Newsletter", False)

    assert (await place.view(finn, "Newsletter"))["desired"] == "denied"
