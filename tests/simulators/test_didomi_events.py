"""Consent events of the simulated Didomi API: creating, reading, approving, deleting."""

import pytest

from tests.simulators.didomi_kit import ANA, BO, NO, YES, choice, event, purpose, running

EVENTS = "/consents/events"


async def test_an_event_makes_a_user() -> None:
    """The answer is the whole event; the user shows its choices."""
    async with running() as bench:
        body = event(purposes=[purpose("marketing", True, values={"topics": {"value": "sport"}})])
        answer = await bench.api.post(EVENTS, body)
        user = await bench.api.user(ANA)

        assert answer.status == 200
        assert answer.body["created_at"] == "2026-03-01T10:15:00.000Z"
        assert answer.body["status"] == "confirmed"
        assert answer.body["regulation"] == "gdpr"
        assert answer.body["user"] == {"id": user["id"], "organization_user_id": ANA}
        assert user["version"] == 1
        assert user["consents"]["purposes"] == [
            {"id": "marketing", "enabled": True, "values": {"topics": {"value": "sport"}}}
        ]


async def test_an_event_keeps_its_own_fields() -> None:
    """Id, date, metadata, delegate and the like come back; unknown fields are ignored."""
    async with running() as bench:
        body = {
            **event(id="e-1", channels=[{"id": "email", "enabled": True}]),
            "created_at": "2026-02-01T11:00:00+01:00",
            "metadata": {"sync_origin": "engine"},
            "delegate": {"id": "agent-7", "name": "Support desk"},
            "domain": "shop.example.com",
            "proofs": ["data:image/png;base64,AAAA"],
            "brand_new": True,
        }
        answer = await bench.api.post(EVENTS, body)

        assert answer.body["id"] == "e-1"
        assert answer.body["created_at"] == "2026-02-01T10:00:00.000Z"
        assert answer.body["updated_at"] == "2026-03-01T10:15:00.000Z"
        assert answer.body["metadata"] == {"sync_origin": "engine"}
        assert answer.body["delegate"] == {"id": "agent-7", "name": "Support desk"}
        assert answer.body["domain"] == "shop.example.com"
        assert len(answer.body["proofs_id"]) == 1
        assert "proofs" not in answer.body
        assert "brand_new" not in answer.body


@pytest.mark.parametrize(
    "body",
    [
        {"consents": {"purposes": [{"enabled": True}]}},
        {"consents": {"purposes": [{"id": "marketing", "enabled": "yes"}]}},
        {"consents": {"purposes": [{"id": "marketing", "values": {"topics": "sport"}}]}},
        {"created_at": "yesterday"},
        {"created_at": 5},
        "an event",
    ],
)
async def test_an_event_of_the_wrong_form_is_refused(body: object) -> None:
    """A 400 names every wrong field, and nothing is stored."""
    async with running() as bench:
        answer = await bench.api.post(EVENTS, body)

        assert answer.status == 400
        assert answer.body["message"] == "Invalid data"
        assert answer.body["errors"]
        assert len(bench.sim.world.users) == 0


async def test_an_event_without_a_person_makes_a_guest() -> None:
    """With neither id a new user without an organisation user id is made."""
    async with running() as bench:
        first = await bench.api.post(EVENTS, event(None))
        second = await bench.api.post(EVENTS, event(None))

        assert first.body["user"]["organization_user_id"] is None
        assert first.body["user"]["id"] != second.body["user"]["id"]


@pytest.mark.parametrize("status", [409, 400])
async def test_a_repeated_id_is_refused(status: int) -> None:
    """A second event of the same id gets the set status and changes nothing."""
    async with running(duplicate_event=status) as bench:
        await bench.api.post(EVENTS, event(id="e-1", purposes=[purpose("newsletter", True)]))
        repeated = event(id="e-1", purposes=[purpose("newsletter", False)])
        answer = await bench.api.post(EVENTS, repeated)

        assert answer.status == status
        assert choice(await bench.api.user(ANA), "newsletter") is True


async def test_a_repeated_id_may_answer_the_existing_event() -> None:
    """With the switch at 200 the first event is shown again and nothing changes."""
    async with running(duplicate_event=200) as bench:
        first = await bench.api.post(
            EVENTS, event(id="e-1", purposes=[purpose("newsletter", True)])
        )
        repeated = event(id="e-1", purposes=[purpose("newsletter", False)])
        answer = await bench.api.post(EVENTS, repeated)

        assert answer.status == 200
        assert answer.body == first.body


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        (purpose("nothing", True), "consents.purposes.nothing"),
        (
            purpose("marketing", values={"colour": {"value": "red"}}),
            "consents.purposes.marketing.values.colour",
        ),
        (
            purpose("newsletter", values={"topics": {"value": "sport"}}),
            "consents.purposes.newsletter.values.topics",
        ),
        (
            purpose("marketing", values={"topics": {"value": "sport,chess"}}),
            "consents.purposes.marketing.values.topics",
        ),
    ],
)
async def test_unknown_ids_are_refused(entry: object, place: str) -> None:
    """Purposes, preferences and values that the organisation lacks are 400, and named."""
    async with running() as bench:
        answer = await bench.api.post(EVENTS, event(purposes=[entry]))

        assert answer.status == 400
        assert list(answer.body["errors"]) == [place]


async def test_unknown_ids_may_be_accepted() -> None:
    """An older organisation takes any id."""
    async with running(unknown_ids="accept") as bench:
        answer = await bench.api.post(EVENTS, event(purposes=[purpose("nothing", True)]))

        assert answer.status == 200
        assert choice(await bench.api.user(ANA), "nothing") is True


async def test_a_single_choice_takes_one_value() -> None:
    """Several values of a single-choice preference are refused."""
    organisation = {
        "purposes": [{"id": "marketing", "preferences": ["pace"]}],
        "preferences": [{"id": "pace", "type": "single", "values": ["daily", "weekly"]}],
    }
    async with running(organisation) as bench:
        both = purpose("marketing", values={"pace": {"value": "daily,weekly"}})
        answer = await bench.api.post(EVENTS, event(purposes=[both]))

        assert answer.status == 400


async def test_a_retired_purpose_is_still_accepted() -> None:
    """What existed once is accepted but no longer offered."""
    organisation = {"purposes": [{"id": "old", "retired": True}], "preferences": []}
    async with running(organisation) as bench:
        answer = await bench.api.post(EVENTS, event(purposes=[purpose("old", True)]))
        offered = await bench.api.get("/metadata/purposes")

        assert answer.status == 200
        assert offered.body["data"] == []


async def test_each_generation_refuses_the_other_ones_answers() -> None:
    """A v2 organisation refuses `preferences`, a v1 organisation `values`."""
    old = event(purposes=[purpose("marketing", preferences=[{"id": "deals", "enabled": True}])])
    new = event(purposes=[purpose("marketing", values={"topics": {"value": "sport"}})])
    async with running() as bench:
        refused_old = await bench.api.post(EVENTS, old)
        bench.sim.turn(api_generation="v1")
        accepted_old = await bench.api.post(EVENTS, old)
        refused_new = await bench.api.post(EVENTS, new)

        assert [refused_old.status, accepted_old.status, refused_new.status] == [400, 200, 400]


async def test_unknown_v1_preferences_are_refused() -> None:
    """A v1 preference must be attached to its purpose."""
    async with running(api_generation="v1") as bench:
        entry = purpose("newsletter", preferences=[{"id": "deals", "enabled": True}])
        answer = await bench.api.post(EVENTS, event(purposes=[entry]))

        assert answer.status == 400


async def test_v1_preferences_may_be_allowed_in_v2() -> None:
    """With the organisation's own switch off they are kept and shown."""
    async with running(disable_preferences_in_consents=False) as bench:
        entry = purpose("marketing", preferences=[{"id": "deals", "enabled": True}])
        await bench.api.post(EVENTS, event(purposes=[entry]))
        user = await bench.api.user(ANA)

        assert user["consents"]["purposes"][0]["preferences"] == [{"id": "deals", "enabled": True}]


async def test_an_array_stores_up_to_100_events() -> None:
    """An array is answered with an array in the same order; 101 are too many."""
    async with running() as bench:
        bodies = [event(f"p{n}@example.com", id=f"e-{n}") for n in range(101)]
        many = await bench.api.post(EVENTS, bodies)
        fitting = await bench.api.post(EVENTS, bodies[:100])

        assert many.status == 400
        assert fitting.status == 200
        assert [item["id"] for item in fitting.body] == [f"e-{n}" for n in range(100)]


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        (event(id="e-2", purposes=[purpose("nothing", True)]), 400),
        ({"consents": {"purposes": [{}]}}, 400),
        (event(id="e-1"), 409),
    ],
)
async def test_a_bad_item_refuses_the_whole_array(bad: object, status: int) -> None:
    """By default nothing of an array with a bad item is stored."""
    async with running() as bench:
        good = event(id="e-1", purposes=[purpose("newsletter", True)])
        answer = await bench.api.post(EVENTS, [good, bad])

        assert answer.status == status
        assert answer.body["message"].startswith("Item 1: ")
        assert len(bench.sim.world.events) == 0


async def test_an_array_may_succeed_in_part() -> None:
    """With the switch each item is answered by an event or an error."""
    async with running(batch_error="partial") as bench:
        bad = event(BO, purposes=[purpose("nothing", True)])
        answer = await bench.api.post(EVENTS, [event(id="e-1"), bad, {"id": 5}, event(id="e-1")])

        assert answer.status == 200
        assert answer.body[0]["id"] == "e-1"
        assert [item["code"] for item in answer.body[1:]] == [400, 400, 409]
        assert len(bench.sim.world.events) == 1


async def test_reads_default_to_confirmed_gdpr_events() -> None:
    """Pending events and other regulations appear only when asked for."""
    async with running() as bench:
        bench.sim.click(ANA, YES)
        bench.sim.click(ANA, YES, status="pending_approval")
        bench.sim.click(ANA, NO, regulation="cpra")
        person = {"organization_user_id": ANA}
        plain = await bench.api.get(EVENTS, **person)
        cpra = await bench.api.get(EVENTS, **person, regulation="cpra")
        every = await bench.api.call(
            "GET",
            f"{EVENTS}?organization_id=acme&organization_user_id={ANA}"
            "&status[$in]=confirmed&status[$in]=pending_approval"
            "&regulation[$in]=gdpr&regulation[$in]=cpra",
        )

        assert [len(plain.body["data"]), len(cpra.body["data"]), len(every.body["data"])] == [
            1,
            1,
            3,
        ]
        assert cpra.body["data"][0]["regulation"] == "cpra"


async def test_reading_events_needs_a_person() -> None:
    """There is no list of events across users; an unknown person has none."""
    async with running() as bench:
        nobody = await bench.api.get(EVENTS)
        unknown = await bench.api.get(EVENTS, organization_user_id=BO)

        assert nobody.status == 400
        assert unknown.body["data"] == []


async def test_one_event_is_read_by_id_and_person() -> None:
    """The person must be the right one, whether named by OUID or by Didomi's id."""
    async with running() as bench:
        made = bench.sim.click(ANA, YES)
        path = f"{EVENTS}/{made.id}"
        by_ouid = await bench.api.get(path, organization_user_id=ANA)
        by_id = await bench.api.get(path, user_id=made.user.id)
        other = await bench.api.get(path, organization_user_id=BO)
        nobody = await bench.api.get(path)

        assert by_ouid.body == by_id.body
        assert [by_ouid.status, other.status, nobody.status] == [200, 404, 400]


async def test_a_pending_event_counts_once_approved() -> None:
    """Until `status: confirmed` is patched the user shows nothing of it, metadata included."""
    async with running() as bench:
        body = {
            **event(id="e-1", purposes=[purpose("newsletter", True)]),
            "status": "pending_approval",
        }
        body["user"]["metadata"] = {"brand": "north"}
        await bench.api.post(EVENTS, body)
        before = await bench.api.user(ANA)
        answer = await bench.api.patch(
            f"{EVENTS}/e-1", {"status": "confirmed"}, organization_user_id=ANA
        )
        after = await bench.api.user(ANA)

        assert (choice(before, "newsletter"), before["metadata"]) == (None, {})
        assert answer.body["status"] == "confirmed"
        assert (choice(after, "newsletter"), after["metadata"]) == (True, {"brand": "north"})
        assert after["version"] == before["version"] + 1


@pytest.mark.parametrize(("order", "expected"), [("created_at", False), ("updated_at", True)])
async def test_an_approved_event_takes_its_place_in_time(order: str, expected: bool) -> None:
    """An old pending yes does not overtake a later no, unless the date of approval counts."""
    async with running(order_events_by=order) as bench:
        pending = bench.sim.click(ANA, YES, status="pending_approval")
        bench.clock.advance(60)
        bench.sim.click(ANA, NO)
        bench.clock.advance(60)
        bench.sim.people.approve(pending.id)

        assert choice(await bench.api.user(ANA), "newsletter") is expected


async def test_patched_consents_are_computed_again() -> None:
    """Changing the choices of a confirmed event changes the user."""
    async with running() as bench:
        made = bench.sim.click(ANA, YES)
        patch = {"consents": {"purposes": [purpose("partners", True)]}}
        await bench.api.patch(f"{EVENTS}/{made.id}", patch, organization_user_id=ANA)
        user = await bench.api.user(ANA)

        assert (choice(user, "newsletter"), choice(user, "partners")) == (None, True)


async def test_a_deleted_event_has_never_been() -> None:
    """The status is what the other events give; the answer is 204."""
    async with running() as bench:
        bench.sim.click(ANA, YES)
        bench.clock.advance(1)
        last = bench.sim.click(ANA, NO)
        answer = await bench.api.delete(f"{EVENTS}/{last.id}", organization_user_id=ANA)
        gone = await bench.api.get(f"{EVENTS}/{last.id}", organization_user_id=ANA)

        assert (answer.status, gone.status) == (204, 404)
        assert choice(await bench.api.user(ANA), "newsletter") is True


async def test_events_are_deleted_by_filter() -> None:
    """Dotted property paths choose; without any filter the call is refused."""
    async with running() as bench:
        bench.sim.click(ANA, YES, metadata={"booking_id": 42, "open": True})
        bench.sim.click(ANA, NO, metadata={"booking_id": 43})
        unfiltered = await bench.api.delete(EVENTS, organization_user_id=ANA)
        person = {"organization_user_id": ANA}
        missed = await bench.api.delete(
            EVENTS, **person, **{"metadata.booking_id": "42", "metadata.open": "false"}
        )
        kept = len(bench.sim.world.events)
        hit = await bench.api.delete(EVENTS, **person, **{"metadata.booking_id": "43"})

        assert [unfiltered.status, missed.status, hit.status] == [400, 204, 204]
        assert kept == 2
        assert choice(await bench.api.user(ANA), "newsletter") is True


async def test_a_tcf_string_is_generated_on_request() -> None:
    """`$generate_tcfcs=true` puts a string on event and user."""
    async with running() as bench:
        body = event(vendors={"enabled": ["vendor-1"], "disabled": []})
        await bench.api.post(EVENTS, body, __generate_tcfcs="true")
        user = await bench.api.user(ANA)

        assert user["consents"]["tcfcs"] == "fake-tcf-string"
        assert user["consents"]["vendors"] == {"enabled": ["vendor-1"], "disabled": []}


async def test_long_histories_are_read_in_pages() -> None:
    """The list shows at most 100 events and says how many there are."""
    async with running() as bench:
        for number in range(101):
            bench.sim.click(ANA, YES if number % 2 else NO)
        first = (await bench.api.get(EVENTS, organization_user_id=ANA)).body
        rest = (await bench.api.get(EVENTS, organization_user_id=ANA, __skip="100")).body

        assert (first["total"], len(first["data"]), len(rest["data"])) == (101, 100, 1)
