"""Consent users of the simulated Didomi API: lists, cursors, records per person, changes, deletion."""

import pytest

from consent_sync.simulators.didomi.wire import JsonObject
from tests.simulators.didomi_kit import ANA, BO, NO, YES, Bench, choice, event, purpose, running

USERS = "/consents/users"


async def scan(bench: Bench) -> list[str]:
    found: list[str] = []
    query: dict[str, str] = {}
    while True:
        page = (await bench.api.get(USERS, **query)).body
        found += [user["organization_user_id"] for user in page["data"]]
        if page["cursor"] is None:
            return found
        query = {"__cursor": page["cursor"]}


def people(bench: Bench, count: int) -> list[str]:
    names = [f"p{number}@example.com" for number in range(count)]
    for name in names:
        bench.sim.click(name, YES)
    return names


async def test_users_come_in_pages_of_100() -> None:
    """A cursor leads on; null says that it was the last page."""
    async with running() as bench:
        names = people(bench, 201)
        first = (await bench.api.get(USERS)).body

        assert (len(first["data"]), first["limit"]) == (100, 100)
        assert await scan(bench) == names


async def test_a_full_last_page_has_no_cursor() -> None:
    """Exactly one page of users ends with null."""
    async with running(page_size=2) as bench:
        people(bench, 2)

        assert (await bench.api.get(USERS)).body["cursor"] is None


async def test_a_cursor_may_repeat_a_user() -> None:
    """With the switch each page begins with the last user of the page before."""
    async with running(page_size=3, cursor="repeats") as bench:
        names = people(bench, 5)
        found = await scan(bench)

        assert list(dict.fromkeys(found)) == names
        assert len(found) > len(names)


async def test_a_cursor_may_expire() -> None:
    """With the switch an old cursor is refused with 400."""
    async with running(page_size=1, cursor="expires", cursor_life_seconds=10) as bench:
        people(bench, 3)
        cursor = (await bench.api.get(USERS)).body["cursor"]
        bench.clock.advance(10)
        good = await bench.api.get(USERS, __cursor=cursor)
        bench.clock.advance(1)
        late = await bench.api.get(USERS, __cursor=cursor)

        assert [good.status, late.status] == [200, 400]


async def test_all_cursors_can_be_ended() -> None:
    """Cursors given out before are refused, later ones are good; garbage is always refused."""
    async with running(page_size=1) as bench:
        people(bench, 3)
        cursor = (await bench.api.get(USERS)).body["cursor"]
        await bench.api.call("POST", f"{bench.sim.control_url}/cursors/expire")
        refused = await bench.api.get(USERS, __cursor=cursor)
        garbage = await bench.api.get(USERS, __cursor="no-cursor")
        bench.clock.advance(1)
        names = await scan(bench)

        assert [refused.status, garbage.status, len(names)] == [400, 400, 3]


async def test_a_person_is_found_by_ouid_and_by_id() -> None:
    """`$by_organization_user_id` makes the id in the path an OUID; an unknown one is 404."""
    async with running() as bench:
        made = bench.sim.click("a+b/c@example.com", YES)
        by_id = await bench.api.get(f"{USERS}/{made.user.id}")
        by_ouid = await bench.api.get(
            f"{USERS}/a%2Bb%2Fc%40example.com", __by_organization_user_id="true"
        )
        unknown = await bench.api.get(f"{USERS}/{BO}", __by_organization_user_id="true")
        listed = await bench.api.get(USERS, organization_user_id=BO)

        assert by_id.body == by_ouid.body
        assert unknown.status == 404
        assert (listed.status, listed.body["data"], listed.body["cursor"]) == (200, [], None)


async def test_a_status_belongs_to_its_regulation() -> None:
    """Choices under one regulation are invisible under another, and untouched by it."""
    async with running() as bench:
        bench.sim.click(ANA, YES)
        before = (await bench.api.user(ANA))["consents"]
        bench.sim.click(ANA, NO, regulation="cpra")
        gdpr = await bench.api.user(ANA)
        cpra = await bench.api.user(ANA, regulation="cpra")
        both = await bench.api.call(
            "GET",
            f"{USERS}?organization_id=acme&organization_user_id={ANA}"
            "&regulation[$in]=gdpr&regulation[$in]=cpra",
        )

        assert gdpr["consents"] == before
        assert (choice(gdpr, "newsletter"), choice(cpra, "newsletter")) == (True, False)
        assert [user["regulation"] for user in both.body["data"]] == ["gdpr", "cpra"]


async def test_a_user_of_another_regulation_is_not_listed() -> None:
    """GDPR is meant when nothing is said; who has no status there is not shown."""
    async with running() as bench:
        made = bench.sim.click(ANA, YES, regulation="cpra")
        listed = await bench.api.get(USERS)
        found = await bench.api.get(f"{USERS}/{made.user.id}")
        cpra = await bench.api.get(USERS, regulation="cpra")

        assert (listed.body["data"], found.status) == ([], 404)
        assert len(cpra.body["data"]) == 1


async def test_an_ouid_is_assigned_only_when_absent() -> None:
    """A guest gets the first OUID that an event brings; a later one changes nothing."""
    async with running() as bench:
        for ouid in (None, ANA, BO):
            body = event(ouid, purposes=[purpose("newsletter", True)])
            body["user"]["id"] = "device-1"
            await bench.api.post("/consents/events", body)
        user = (await bench.api.get(f"{USERS}/device-1")).body

        assert (user["organization_user_id"], user["version"]) == (ANA, 3)
        assert (await bench.api.get(USERS, organization_user_id=BO)).body["data"] == []


async def test_event_metadata_is_merged_into_the_user() -> None:
    """Keys are merged one by one; nested objects are replaced; countries are kept."""
    async with running() as bench:
        first: JsonObject = {"brand": "north", "tier": {"level": 1, "name": "gold"}}
        bench.sim.click(ANA, YES, user_metadata=first, country="BE")
        bench.sim.click(ANA, YES, user_metadata={"tier": {"level": 2}})
        user = await bench.api.user(ANA)

        assert user["metadata"] == {"brand": "north", "tier": {"level": 2}}
        assert (user["country"], user["last_seen_country"]) == (None, "BE")


async def test_versions_count_every_change() -> None:
    """Each event, change and deletion of an event raises the version by one."""
    async with running() as bench:
        made = bench.sim.click(ANA, YES)
        bench.sim.click(ANA, NO)
        bench.sim.people.delete_event(made.id)
        await bench.api.patch(f"{USERS}/{made.user.id}", {"metadata": {"a": 1}})

        assert (await bench.api.user(ANA))["version"] == 4


async def test_several_records_may_share_a_person() -> None:
    """With the switch the person's device and the API have a record each, and the state is spread."""
    async with running(records_per_ouid="several") as bench:
        bench.sim.click(ANA, YES)
        await bench.api.post("/consents/events", event(purposes=[purpose("partners", False)]))
        bench.sim.click(ANA, {"channels": {"email": True}})
        found = (await bench.api.get(USERS, organization_user_id=ANA)).body["data"]
        events = await bench.api.get("/consents/events", organization_user_id=ANA)

        assert [len(user["consents"]["purposes"]) for user in found] == [1, 1]
        assert [choice(user, "newsletter") for user in found] == [True, None]
        assert len(events.body["data"]) == 3


async def test_the_one_record_rule_merges_mid_run() -> None:
    """Turning the switch leaves the oldest record with everything, and tells of both changes."""
    async with running(records_per_ouid="several") as bench:
        oldest = bench.sim.click(ANA, YES)
        await bench.api.post(
            "/consents/events",
            event(purposes=[purpose("partners", False)]) | {"regulation": "gdpr"},
        )
        bench.connect()
        bench.sim.turn(records_per_ouid="one")
        heard = await bench.heard()
        (user,) = (await bench.api.get(USERS, organization_user_id=ANA)).body["data"]

        assert user["id"] == oldest.user.id
        assert (choice(user, "newsletter"), choice(user, "partners")) == (True, False)
        assert [item.type for item in heard] == ["user.updated", "user.deleted"]


async def test_a_list_may_show_nobody() -> None:
    """With the switch at zero a known OUID lists no record."""
    async with running(records_per_ouid="zero") as bench:
        bench.sim.click(ANA, YES)

        assert (await bench.api.get(USERS, organization_user_id=ANA)).body["data"] == []


async def test_a_user_is_created_without_events() -> None:
    """POST makes an empty user; a second one for the same person is 409."""
    async with running() as bench:
        body = {"organization_user_id": ANA, "metadata": {"brand": "north"}, "country": "BE"}
        made = await bench.api.post(USERS, body)
        again = await bench.api.post(USERS, body)

        assert made.status == 200
        assert (made.body["metadata"], made.body["country"]) == ({"brand": "north"}, "BE")
        assert made.body["consents"]["purposes"] == []
        assert again.status == 409


async def test_consents_on_a_user_are_kept_but_are_no_event() -> None:
    """The deprecated way writes the status, survives later events, and leaves no history."""
    async with running() as bench:
        consents = {"purposes": [purpose("partners", True)]}
        await bench.api.post(USERS, {"organization_user_id": ANA, "consents": consents})
        bench.sim.click(ANA, YES)
        user = await bench.api.user(ANA)
        events = await bench.api.get("/consents/events", organization_user_id=ANA)

        assert (choice(user, "partners"), choice(user, "newsletter")) == (True, True)
        assert events.body["total"] == 1


@pytest.mark.parametrize("status", [409, 400])
async def test_a_stale_version_is_refused(status: int) -> None:
    """A change that names an old version gets the set status; the current one is accepted."""
    async with running(stale_version_status=status) as bench:
        made = bench.sim.click(ANA, YES)
        path = f"{USERS}/{made.user.id}"
        good = await bench.api.patch(path, {"version": 1, "country": "NL"})
        stale = await bench.api.patch(path, {"version": 1, "country": "BE"})

        assert [good.status, stale.status] == [200, status]
        assert (good.body["version"], good.body["country"]) == (2, "NL")


@pytest.mark.parametrize(("mode", "expected"), [("merge", {"a": 1, "b": 2}), ("replace", {"b": 2})])
async def test_patched_metadata_merges_or_replaces(mode: str, expected: object) -> None:
    """What PATCH does with metadata is a switch."""
    async with running(patch_metadata=mode) as bench:
        made = bench.sim.click(ANA, YES, user_metadata={"a": 1})
        answer = await bench.api.patch(f"{USERS}/{made.user.id}", {"metadata": {"b": 2}})

        assert answer.body["metadata"] == expected


async def test_a_patched_ouid_moves_the_record() -> None:
    """After a change of OUID the person is found under the new one only."""
    async with running() as bench:
        made = bench.sim.click(ANA, YES)
        await bench.api.patch(f"{USERS}/{made.user.id}", {"organization_user_id": BO})

        assert (await bench.api.user(BO))["id"] == made.user.id
        assert (await bench.api.get(USERS, organization_user_id=ANA)).body["data"] == []


async def test_a_deleted_user_is_answered_and_gone() -> None:
    """DELETE answers 200 with the user as it was; the events go too."""
    async with running() as bench:
        bench.sim.click(ANA, YES)
        held = await bench.api.user(ANA)
        answer = await bench.api.delete(f"{USERS}/{ANA}", __by_organization_user_id="true")
        events = await bench.api.get("/consents/events", organization_user_id=ANA)

        assert (answer.status, answer.body) == (200, held)
        assert events.body["data"] == []
        assert (await bench.api.get(f"{USERS}/{held['id']}")).status == 404


async def test_events_may_outlive_their_user() -> None:
    """With the switch off the history stays readable and deletable, and does not count for a new user."""
    async with running(user_deletion_erases_events=False) as bench:
        made = bench.sim.click(ANA, YES)
        bench.sim.people.delete_user(ANA)
        events = await bench.api.get("/consents/events", organization_user_id=ANA)
        bench.sim.click(ANA, {"channels": {"email": True}})
        user = await bench.api.user(ANA)
        bench.sim.people.delete_event(made.id)
        left = await bench.api.get("/consents/events", organization_user_id=ANA)

        assert [item["id"] for item in events.body["data"]] == [made.id]
        assert choice(user, "newsletter") is None
        assert len(left.body["data"]) == 1
