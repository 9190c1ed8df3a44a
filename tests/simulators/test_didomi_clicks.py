"""What people do in the simulated preference centre."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from consent_sync.simulators.didomi import Choices, Click, DidomiSimulator, RefusalError
from tests.simulators.didomi_kit import ANA, BO, START, YES

ONE_CLICK = {
    "purposes": [{"id": "marketing", "preferences": ["topics", "pace"], "propagation": True}],
    "preferences": [
        {"id": "topics", "values": ["sport", "news"]},
        {"id": "pace", "type": "single", "values": ["daily"]},
    ],
}


def simulator(**switches: object) -> DidomiSimulator:
    return DidomiSimulator(switches, clock=lambda: START)


def consents(sim: DidomiSimulator, ouid: str = ANA) -> Any:
    (user,) = sim.world.users.of(ouid)
    return sim.world.display().user(user, "gdpr")["consents"]


def test_one_click_is_one_event_with_many_nodes() -> None:
    """Everything saved together is one event, with null for a choice not made."""
    sim = simulator()
    made = sim.click(
        ANA,
        {
            "channels": {"email": True, "sms": None},
            "purposes": {"marketing": True},
            "values": {"marketing": {"topics": ["sport", "news"]}},
            "legitimate_interests": {"analytics": False},
            "vendors": {"v-1": True, "v-2": False},
        },
        country="BE",
        metadata={"page": "profile"},
    )

    shown = sim.world.display().event(made)
    assert len(sim.world.events) == 1
    assert shown["consents"] == {
        "channels": [{"id": "email", "enabled": True}, {"id": "sms", "enabled": None}],
        "purposes": [
            {"id": "marketing", "enabled": True, "values": {"topics": {"value": "sport,news"}}},
            {"id": "analytics", "enabled_li": False},
        ],
        "vendors": {"enabled": ["v-1"], "disabled": ["v-2"]},
    }
    assert shown["metadata"] == {"page": "profile"}
    assert shown["domain"] == "preferences.example.com"


def test_a_click_in_an_older_organisation_uses_preferences() -> None:
    """API v1 has choices per preference, per preference's channel and per purpose's channel."""
    sim = simulator(api_generation="v1")
    sim.click(
        ANA,
        {
            "preferences": {"marketing": {"deals": {"email": True, "sms": False}, "topics": True}},
            "purpose_channels": {"newsletter": {"sms": True}},
        },
    )

    assert consents(sim) == {
        "channels": [],
        "purposes": [
            {
                "id": "marketing",
                "enabled": None,
                "preferences": [
                    {
                        "id": "deals",
                        "enabled": None,
                        "channels": [
                            {"id": "email", "enabled": True},
                            {"id": "sms", "enabled": False},
                        ],
                    },
                    {"id": "topics", "enabled": True},
                ],
            },
            {"id": "newsletter", "enabled": None, "channels": [{"id": "sms", "enabled": True}]},
        ],
        "vendors": {"enabled": [], "disabled": []},
        "tcfcs": None,
    }


def test_one_click_consent_answers_multi_choice_preferences() -> None:
    """The toggle fills and clears them, leaves single ones alone, and keeps what was chosen by hand."""
    sim = DidomiSimulator(organisation=ONE_CLICK, clock=lambda: START)
    toggled = sim.click(ANA, {"purposes": {"marketing": True}})
    sim.click(ANA, {"purposes": {"marketing": False}})
    cleared = consents(sim)
    sim.click(BO, {"values": {"marketing": {"topics": ["news"]}}})
    sim.click(BO, {"purposes": {"marketing": True}})

    shown: Any = sim.world.display().event(toggled)["consents"]
    entry = shown["purposes"][0]
    assert entry["propagation"] is True
    assert entry["values"] == {"topics": {"value": "sport,news", "from_propagation": True}}
    assert cleared["purposes"][0]["values"] == {"topics": {"value": ""}}
    assert consents(sim, BO)["purposes"][0]["values"] == {"topics": {"value": "news"}}


def test_a_click_may_lie_in_the_past() -> None:
    """`at` dates the event; a moment without offset is UTC."""
    sim = simulator()
    made = sim.click(ANA, YES, at=datetime(2026, 2, 1, 12, 0))  # noqa: DTZ001 - a moment without offset is the case

    assert made.created_at == datetime(2026, 2, 1, 12, 0, tzinfo=UTC)


def test_a_guest_becomes_a_person_on_the_same_device() -> None:
    """A device's record gets the OUID at the first click that brings one."""
    sim = simulator()
    guest = sim.people.perform(Click(choices=Choices(channels={"email": True}), device="device-1"))
    person = sim.people.perform(
        Click(ouid=ANA, choices=Choices(channels={"sms": True}), device="device-1")
    )

    assert guest.user is person.user
    assert person.user.organization_user_id == ANA


def test_records_per_device_are_kept_apart() -> None:
    """Where several records are simulated each device has its own."""
    sim = simulator(records_per_ouid="several")
    for device in ("device-1", "device-2", None):
        sim.people.perform(Click(ouid=ANA, choices=Choices(channels={"sms": True}), device=device))

    assert len(sim.world.users.of(ANA)) == 3


def test_deleting_a_person_removes_every_record() -> None:
    """The number of deleted records is returned, 0 for a stranger."""
    sim = simulator(records_per_ouid="several")
    sim.click(ANA, YES)
    sim.people.perform(Click(ouid=ANA, choices=Choices(channels={"sms": True}), device="d-2"))

    assert [sim.people.delete_user(ANA), sim.people.delete_user(BO)] == [2, 0]
    assert len(sim.world.users) == 0


@pytest.mark.parametrize(
    "choices", [{}, {"purpose": {"newsletter": True}}, {"purposes": {"newsletter": "maybe"}}]
)
def test_choices_of_the_wrong_form_are_refused(choices: dict[str, object]) -> None:
    """An empty click, an unknown part and an answer that is none are errors."""
    with pytest.raises(ValidationError):
        simulator().click(ANA, choices)


def test_choices_of_unknown_things_are_refused() -> None:
    """The preference centre offers only what the organisation has."""
    with pytest.raises(RefusalError) as caught:
        simulator().click(ANA, {"purposes": {"nothing": True}})

    assert caught.value.errors == {"consents.purposes.nothing": "unknown purpose 'nothing'"}


def test_equal_seeds_give_equal_worlds() -> None:
    """Ids depend on the seed alone."""
    ids = [[DidomiSimulator(seed=seed).click(ANA, YES).id for _ in range(1)] for seed in (1, 1, 2)]

    assert ids[0] == ids[1] != ids[2]


def test_an_organisation_must_fit_together() -> None:
    """A purpose cannot name a preference that the library lacks."""
    with pytest.raises(ValidationError, match="'colour'; known are: none"):
        DidomiSimulator(
            organisation={
                "purposes": [{"id": "marketing", "preferences": ["colour"]}],
                "preferences": [],
            }
        )
