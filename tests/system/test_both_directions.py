"""A choice on one side becomes the choice on the other, with as few calls as can be."""

from collections import Counter
from typing import Any

import pytest

from consent_sync.simulators.faults import Fault, FaultKind
from tests.system.harness import Person, Town, didomi_event, moment, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


def newsletter(on: bool) -> dict[str, Any]:
    return {"channels": {"email": on}}


def daily_deals(on: bool) -> dict[str, Any]:
    return {"purposes": {"marketing": on}}


def sport_news(on: bool) -> dict[str, Any]:
    return {"values": {"marketing": {"topics": ["sport"] if on else []}}}


def sms_deals(on: bool) -> dict[str, Any]:
    return {"preferences": {"marketing": {"deals": {"sms": on}}}}


def partner_mail(on: bool) -> dict[str, Any]:
    return {"purposes": {"partners": on}}


WAYS = {
    "Newsletter": newsletter,
    "DailyDeals": daily_deals,
    "SportNews": sport_news,
    "SmsDeals": sms_deals,
    "PartnerMail": partner_mail,
}
"""How a person answers each line in the preference centre."""


async def met(place: Town, name: str, **held: bool) -> Person:
    """Return somebody whom the service knows on both sides."""
    person = place.person(name, **held)
    place.didomi.click(person.ouid, WAYS["PartnerMail"](False))
    await place.agree(person, "PartnerMail", False)
    place.forget()
    return person


# --- how many calls ---


async def test_opt_out_in_didomi_is_one_call_to_actito(place: Town) -> None:
    """A refusal goes straight out, without a look, and its echo causes nothing."""
    ada = place.person("ada", Newsletter=True)

    place.didomi.click(ada.ouid, WAYS["Newsletter"](False))
    await place.agree(ada, "Newsletter", False)

    assert place.calls() == {"actito profiles.put": 1}


async def test_opt_in_in_didomi_is_two_calls_to_actito(place: Town) -> None:
    """An agreement is written after one look."""
    bo = await met(place, "bo")

    place.didomi.click(bo.ouid, WAYS["Newsletter"](True))
    await place.agree(bo, "Newsletter", True)

    assert place.calls() == {"actito profiles.get": 1, "actito profiles.put": 1}


async def test_opt_out_in_actito_is_one_look_and_one_event(place: Town) -> None:
    """What a webhook hints at is read in Actito, then told to Didomi at once."""
    cleo = await met(place, "cleo", Newsletter=True)

    place.actito.people.unsubscribe(cleo.profile, "Newsletter")
    await place.agree(cleo, "Newsletter", False)

    assert place.calls() == {"actito profiles.get": 1, "didomi consents.events.create": 1}


async def test_opt_in_in_actito_looks_at_both_sides(place: Town) -> None:
    """An agreement in Actito is read there, Didomi is looked at, and one event is written."""
    dirk = await met(place, "dirk")

    place.actito.people.subscribe(dirk.profile, "Newsletter")
    await place.agree(dirk, "Newsletter", True)

    assert place.calls() == {
        "actito profiles.get": 1,
        "didomi consents.users.query": 1,
        "didomi consents.events.create": 1,
    }


async def test_echo_is_no_call(place: Town) -> None:
    """The webhook of our own write, delivered again and again, is answered by nothing."""
    eva = await met(place, "eva", Newsletter=True)
    place.didomi.click(eva.ouid, WAYS["Newsletter"](False))
    await place.agree(eva, "Newsletter", False)
    place.forget()

    echo = {"tableId": "21", "data": {"profileId": str(eva.profile), "Newsletter": "false"}}
    for _ in range(3):
        assert (await place.actito_says(echo)).body == {"accepted": 1, "duplicates": 0}
        await place.quiet()

    assert place.calls() == Counter()
    assert (await place.verdicts(eva))[:3] == ["echo"] * 3


async def test_ten_clicks_are_one_write(place: Town) -> None:
    """A burst that waits for one turn is folded to the newest choice and written once."""
    finn = await met(place, "finn", Newsletter=True)
    clicks = [
        didomi_event(finn.ouid, f"burst-{n}", moment(n / 10), Newsletter=n % 2 == 0)
        for n in range(10)
    ]

    assert (await place.didomi_says(clicks)).body == {"accepted": 10, "duplicates": 0}
    await until("Actito holds the no", lambda: place.in_actito(finn, "Newsletter") is False)
    await place.quiet()

    assert place.calls() == {"actito profiles.put": 1}


async def test_clicks_during_a_write_are_one_more_write(place: Town) -> None:
    """Whatever arrives while a write is under way is taken together afterwards."""
    gerda = await met(place, "gerda", Newsletter=True)
    place.actito.faults.add(Fault(route="profiles.put", kind=FaultKind.SLOW_BODY, seconds=0.3))
    place.didomi.click(gerda.ouid, WAYS["Newsletter"](False))
    await until("the write is under way", lambda: not place.actito.faults)
    for on in (True, False) * 5:
        place.didomi.click(gerda.ouid, WAYS["DailyDeals"](on))

    await place.agree(gerda, "DailyDeals", False)

    assert place.both(gerda, "Newsletter") == (False, False)
    assert place.calls()["actito profiles.put"] == 2


async def test_both_sides_at_once_end_at_the_refusal(place: Town) -> None:
    """A yes in Didomi and a no in Actito that nobody can put in order end as a no on both sides."""
    hugo = await met(place, "hugo", Newsletter=True)
    place.didomi.click(hugo.ouid, WAYS["Newsletter"](True))
    place.actito.people.unsubscribe(hugo.profile, "Newsletter")

    await place.agree(hugo, "Newsletter", False)

    assert "denied" in {entry["choice"] for entry in await place.timeline(hugo)}


# --- Didomi's shapes ---


@pytest.mark.parametrize(
    ("generation", "line"),
    [
        (generation, line)
        for generation in ("v1", "v2", "full_tree")
        for line in WAYS
        # Channels of preferences exist in the older data model only.
        if not (generation == "v2" and line == "SmsDeals")
        and not (generation == "v1" and line == "SportNews")
    ],
)
async def test_every_line_travels_both_ways_in_every_shape(
    place: Town, generation: str, line: str
) -> None:
    """Each kind of node is understood and written as v1, v2 and full tree show it."""
    place.didomi.turn(api_generation=generation, disable_preferences_in_consents=generation == "v2")
    ina = place.person(f"ina_{generation}_{line}")

    for on in (True, False):
        place.didomi.click(ina.ouid, WAYS[line](on))
        await place.agree(ina, line, on)
    place.actito.people.subscribe(ina.profile, line)
    await place.agree(ina, line, True)
    place.actito.people.unsubscribe(ina.profile, line)
    await place.agree(ina, line, False)

    others = [other for other in WAYS if other != line]
    assert [place.in_actito(ina, other) for other in others] == [None] * 4


@pytest.mark.parametrize(
    "fan_out", ["event_then_user", "user_then_event", "event_only", "user_only"]
)
@pytest.mark.parametrize("order", ["in_order", "shuffled"])
async def test_whatever_webhooks_a_click_yields(place: Town, fan_out: str, order: str) -> None:
    """`event.*` and `user.*`, either or both, in either order and shuffled, say the same."""
    place.didomi.turn(webhook_fan_out=fan_out, webhook_order=order)
    jan = place.person(f"jan_{fan_out}_{order}", Newsletter=True)
    place.didomi.click(jan.ouid, WAYS["Newsletter"](False))
    place.didomi.click(jan.ouid, WAYS["DailyDeals"](True))

    await place.agree(jan, "DailyDeals", True)

    assert place.both(jan, "Newsletter") == (False, False)
    assert place.calls()["actito profiles.put"] <= 2


async def test_every_webhook_five_times_is_written_once(place: Town) -> None:
    """All attempts of Didomi's schedule arrive although the first one succeeded."""
    place.didomi.turn(webhook_duplicates="every_retry", time_scale=0.0001)
    kim = place.person("kim", Newsletter=True)

    place.didomi.click(kim.ouid, WAYS["Newsletter"](False))
    await place.agree(kim, "Newsletter", False)

    assert place.calls() == {"actito profiles.put": 1}
    assert len(place.didomi.sender.attempts) >= 10
    assert len(await place.verdicts(kim)) == 3  # the event, the user, and Actito's own webhook


async def test_late_webhook_of_an_older_choice_changes_nothing(place: Town) -> None:
    """An event that is older than what is known ends as `older`, without a call."""
    lea = await met(place, "lea", Newsletter=True)
    place.didomi.click(lea.ouid, WAYS["Newsletter"](False))
    await place.agree(lea, "Newsletter", False)
    place.forget()

    await place.didomi_says(didomi_event(lea.ouid, "old", moment(-3600), Newsletter=True))
    await place.quiet()

    assert place.calls() == Counter()
    assert (await place.verdicts(lea))[0] == "older"


async def test_pending_choice_counts_once_it_is_approved(place: Town) -> None:
    """A pending event is held; its approval makes it a choice."""
    max_ = await met(place, "max")
    event = place.didomi.click(max_.ouid, WAYS["Newsletter"](True), status="pending_approval")
    await place.quiet()

    assert place.calls() == Counter()
    assert (await place.verdicts(max_))[0] == "held_pending"

    place.didomi.people.approve(event.id)
    await place.agree(max_, "Newsletter", True)


async def test_other_regulation_goes_nowhere(place: Town) -> None:
    """A CPRA choice is recorded as blocked and leaves what is known byte for byte as it was."""
    place.didomi.turn(multi_regulation=True)
    nora = await met(place, "nora", Newsletter=True)
    before = (await place.get(f"/api/v1/persons/{nora.ouid}")).text

    place.didomi.click(nora.ouid, WAYS["Newsletter"](False), regulation="cpra")
    await place.quiet()

    assert (await place.verdicts(nora))[0] == "blocked_regulation"
    assert (await place.get(f"/api/v1/persons/{nora.ouid}")).text == before
    assert place.calls() == Counter()
    assert place.in_actito(nora, "Newsletter") is True


async def test_deleted_event_and_user_are_no_choice(place: Town) -> None:
    """`event.deleted` and `user.deleted` write nothing to Actito."""
    otto = place.person("otto")
    event = place.didomi.click(otto.ouid, WAYS["Newsletter"](False))
    await place.agree(otto, "Newsletter", False)
    place.forget()

    place.didomi.people.delete_event(event.id)
    place.didomi.people.delete_user(otto.ouid)
    await place.quiet()

    assert place.in_actito(otto, "Newsletter") is False
    assert place.calls()["actito profiles.put"] == 0


async def test_whoever_was_deleted_in_didomi_stays_away(place: Town) -> None:
    """Later choices under the same name reach nobody, in no letter case, until a lift."""
    otto = place.person("otto")
    place.didomi.click(otto.ouid, WAYS["Newsletter"](False))
    await place.agree(otto, "Newsletter", False)
    place.didomi.people.delete_user(otto.ouid)
    await place.quiet()
    place.forget()

    place.didomi.click(otto.ouid, WAYS["Newsletter"](True))
    place.didomi.click(otto.ouid.upper(), WAYS["Newsletter"](True))
    await place.quiet()

    assert place.in_actito(otto, "Newsletter") is False
    assert place.calls()["actito profiles.put"] == 0


async def test_guest_is_recorded_and_concerns_nobody(place: Town) -> None:
    """An event without an organisation user id is accepted and leads to no call."""
    place.didomi.turn(webhook_guests=True)

    place.didomi.click(None, WAYS["Newsletter"](False))
    await place.quiet()

    assert place.calls() == Counter()
    assert {attempt.status for attempt in place.didomi.sender.attempts} == {200}


async def test_none_is_written_to_neither_side(place: Town) -> None:
    """An explicit "no choice" in Didomi leaves Actito alone."""
    piet = await met(place, "piet", Newsletter=True)

    place.didomi.click(piet.ouid, {"channels": {"email": None}, "purposes": {"analytics": True}})
    await place.quiet()

    assert place.calls() == Counter()
    assert place.in_actito(piet, "Newsletter") is True


# --- metadata ---


async def test_metadata_becomes_typed_attributes(place: Town) -> None:
    """Metadata is typed by the table; what does not fit is dropped, named, and stops nothing."""
    rosa = place.person("rosa", Newsletter=True)
    place.actito.world.seed({"customerId": rosa.ouid, "brand": "north"})

    place.didomi.click(
        rosa.ouid,
        WAYS["Newsletter"](False),
        user_metadata={"age": "42", "loyaltyTier": "platinum", "brand": " ", "shoeSize": "44"},
    )
    await place.agree(rosa, "Newsletter", False)

    held = place.actito.world.profile(rosa.profile).attributes
    assert held == {"customerId": rosa.ouid, "brand": "north", "age": 42}
    reasons = " ".join(entry["reason"] for entry in await place.timeline(rosa))
    assert "attribute shoeSize was left out" in reasons
    assert "attribute loyaltyTier was left out" in reasons
    assert place.calls()["actito profiles.put"] == 1


async def test_collection_information_names_the_statement(place: Town) -> None:
    """Actito is told where a choice was made, how and when."""
    sam = place.person("sam", Newsletter=True)

    event = place.didomi.click(sam.ouid, WAYS["Newsletter"](False))
    await place.agree(sam, "Newsletter", False)

    told = place.actito.world.profile(sam.profile).interactions[-1].provenance
    assert told.source == "Didomi via consent-sync"
    assert event.id in (told.way or "")


# --- Actito's shapes ---


@pytest.mark.parametrize(
    "switches",
    [
        {"envelope": "bare", "push_type": "ONE_BY_ONE"},
        {"envelope": "linked", "push_type": "ONE_BY_ONE"},
        {"envelope": "table", "push_type": "ONE_BY_ONE"},
        {"envelope": "bare", "push_type": "BULK", "bulk_shape": "array"},
        {"envelope": "linked", "push_type": "BULK", "bulk_shape": "array"},
        {"envelope": "linked", "push_type": "BULK", "bulk_shape": "data_array"},
        {"envelope": "table", "push_type": "BULK", "bulk_shape": "data_array"},
    ],
    ids=lambda switches: "-".join(switches.values()),
)
async def test_every_envelope_of_actito(place: Town, switches: dict[str, object]) -> None:
    """One by one and in bulk, with and without an envelope, each event reaches its person."""
    place.actito.switches.change({**switches, "webhook_window_ms": 20})
    name = "-".join(str(value) for value in switches.values())
    people = [place.person(f"{n}.{name}@example.com", Newsletter=True) for n in range(3)]

    for person in people:
        place.actito.people.choose(person.profile, {"Newsletter": False, "DailyDeals": True})
    for person in people:
        await place.agree(person, "Newsletter", False)
        await place.agree(person, "DailyDeals", True)

    assert place.calls()["didomi consents.events.create"] == len(people)


@pytest.mark.parametrize("values", ["text", "boolean", "number", "digit_text", "upper_text"])
async def test_every_spelling_of_yes_and_no(place: Town, values: str) -> None:
    """`"true"`, true, 1, `"1"` and `"TRUE"` all mean the same."""
    place.actito.switches.change({"subscription_values": values})
    tom = place.person(f"tom_{values}", Newsletter=True)

    place.actito.people.unsubscribe(tom.profile, "Newsletter")
    await place.agree(tom, "Newsletter", False)
    place.actito.people.subscribe(tom.profile, "Newsletter")
    await place.agree(tom, "Newsletter", True)


async def test_off_on_off_in_actito_are_three_changes(place: Town) -> None:
    """Equal bodies without an id are not mistaken for duplicates once the first was taken."""
    uma = await met(place, "uma", Newsletter=True)

    for on in (False, True, False):
        place.actito.people.choose(uma.profile, {"Newsletter": on})
        await place.agree(uma, "Newsletter", on)

    assert place.calls()["didomi consents.events.create"] == 3


@pytest.mark.parametrize(
    "switches",
    [
        {"webhook_duplicate_chance": 1.0},
        {"one_event_per_subscription": True},
        {"payload_other_changes": True, "payload_unique_attributes": True},
        {"subscriptions_fire_update": True},
        {"api_writes_fire": "always"},
        {"api_writes_fire": "never"},
    ],
    ids=lambda switches: next(iter(switches)),
)
async def test_duplicate_split_and_merged_webhooks(
    place: Town, switches: dict[str, object]
) -> None:
    """However Actito splits, merges and repeats its webhooks, each change is told once."""
    place.actito.switches.change({**switches, "webhook_window_ms": 20})
    name = "-".join(str(value) for value in switches.values())
    vera = await met(place, f"vera_{name}@example.com", Newsletter=True, DailyDeals=True)

    place.actito.people.choose(vera.profile, {"Newsletter": False, "DailyDeals": False})
    place.actito.people.change_attributes(vera.profile, {"brand": "south"})
    await place.agree(vera, "Newsletter", False)
    await place.agree(vera, "DailyDeals", False)
    place.didomi.click(vera.ouid, {**WAYS["Newsletter"](True), **WAYS["DailyDeals"](True)})
    await place.agree(vera, "Newsletter", True)
    await place.agree(vera, "DailyDeals", True)

    assert place.calls()["didomi consents.events.create"] <= 2
    assert place.calls()["actito profiles.put"] == 1
    assert "failed" not in await place.verdicts(vera)


# --- people who come later ---


async def test_profile_that_appears_later_gets_the_choice(place: Town) -> None:
    """Without a profile nothing is written; Actito's CREATE webhook brings the choice there."""
    place.user("will@example.com")
    place.didomi.click("will@example.com", WAYS["Newsletter"](False))
    will = Person("will@example.com")
    place.people["will"] = will
    await place.quiet()

    assert (await place.verdicts(will, "Newsletter"))[0] == "no_profile"
    assert place.calls()["actito profiles.post"] == 0

    profile = place.actito.people.create({"customerId": will.ouid})
    await place.agree(Person(will.ouid, profile.id), "Newsletter", False)


async def test_actito_creates_nobody_in_didomi(place: Town) -> None:
    """A click of somebody whom Didomi does not know stays in Actito."""
    xena = Person("xena@example.com", place.profile("xena@example.com", Newsletter=True))
    place.people["xena"] = xena

    place.actito.people.unsubscribe(xena.profile, "Newsletter")
    await place.quiet()

    assert place.didomi.world.users.of(xena.ouid) == []
    assert place.calls()["didomi consents.events.create"] == 0
