"""How the simulated Didomi merges events into a status, and how it shows one."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent_sync.simulators.didomi.errors import RefusalError
from consent_sync.simulators.didomi.merge import Merger
from consent_sync.simulators.didomi.organisation import Organisation
from consent_sync.simulators.didomi.shapes import Rendering
from consent_sync.simulators.didomi.switches import EmptySelection, Switches
from consent_sync.simulators.didomi.wire import ConsentsBody, EventBody
from consent_sync.simulators.didomi.world import World

DAY = datetime(2026, 3, 1, tzinfo=UTC)
V1 = Rendering(Organisation(), "v1")
V2 = Rendering(Organisation(), "v2")
TREE = Rendering(Organisation(), "full_tree")


def folded(*bodies: object, null_clears: bool = False) -> Any:
    merger = Merger(null_clears=null_clears)
    return V2.status(merger.fold(ConsentsBody.model_validate(body) for body in bodies))


def purposes(*entries: object) -> Any:
    return {"purposes": list(entries)}


def test_entries_are_merged_by_id() -> None:
    """What an event does not mention is left alone, on every level."""
    status = folded(
        {
            "channels": [{"id": "email", "enabled": True}],
            "purposes": [{"id": "marketing", "enabled": True, "metadata": {"a": 1}}],
            "vendors": {"enabled": ["v-1", "v-2"], "enabled_li": ["v-3"]},
        },
        {
            "channels": [{"id": "sms", "enabled": False}],
            "purposes": [
                {"id": "marketing", "enabled_li": False, "metadata": {"b": 2}},
                {"id": "marketing", "channels": [{"id": "sms", "enabled": True}]},
            ],
            "vendors": {"disabled": ["v-2"], "disabled_li": ["v-4"]},
            "tcfcs": "fake-tcf-string",
        },
    )

    assert status == {
        "channels": [{"id": "email", "enabled": True}, {"id": "sms", "enabled": False}],
        "purposes": [
            {
                "id": "marketing",
                "enabled": True,
                "enabled_li": False,
                "metadata": {"a": 1, "b": 2},
                "channels": [{"id": "sms", "enabled": True}],
            }
        ],
        "vendors": {
            "enabled": ["v-1"],
            "disabled": ["v-2"],
            "enabled_li": ["v-3"],
            "disabled_li": ["v-4"],
        },
        "tcfcs": "fake-tcf-string",
    }


@pytest.mark.parametrize(
    ("null_clears", "expected"), [(False, True), (True, None)], ids=["keeps", "clears"]
)
def test_a_null_is_never_false(null_clears: bool, expected: bool | None) -> None:
    """A null leaves the choice held, or takes it back to none; an absent one always leaves it."""
    yes, null = {"id": "marketing", "enabled": True}, {"id": "marketing", "enabled": None}
    after_null = folded(purposes(yes), purposes(null), null_clears=null_clears)
    after_absent = folded(purposes(yes), purposes({"id": "marketing"}), null_clears=True)
    only_null = folded(purposes(null))

    assert after_null["purposes"][0]["enabled"] is expected
    assert after_absent["purposes"][0]["enabled"] is True
    assert only_null["purposes"][0]["enabled"] is None


def test_a_value_replaces_the_whole_list_of_its_preference() -> None:
    """Selections are one text; other preferences of the purpose survive."""
    status = folded(
        purposes({"id": "marketing", "values": {"a": {"value": "x,y"}, "b": {"value": "z"}}}),
        purposes({"id": "marketing", "values": {"a": {"value": " w , "}}}),
    )

    assert status["purposes"][0]["values"] == {
        "a": {"value": "w"},
        "b": {"value": "z"},
    }


@pytest.mark.parametrize("sent", [{"value": ""}, {}, {"value": None}])
@pytest.mark.parametrize(
    ("switch", "shown"),
    [("empty_string", {"value": ""}), ("absent", {}), ("null", {"value": None})],
)
def test_an_empty_selection_is_shown_as_the_switch_says(
    sent: object, switch: EmptySelection, shown: object
) -> None:
    """All three ways of sending "nothing chosen" are one, and stay different from no answer."""
    rendering = Rendering(Organisation(), "v2", switch)
    body = ConsentsBody.model_validate(purposes({"id": "marketing", "values": {"topics": sent}}))
    status = rendering.status(Merger().fold([body]))

    assert status["purposes"] == [{"id": "marketing", "enabled": None, "values": {"topics": shown}}]
    assert rendering.event(body)["purposes"] == [{"id": "marketing", "values": {"topics": shown}}]


def test_marks_of_propagation_stay_on_events() -> None:
    """Events show `propagation` and `from_propagation`; users show only the result."""
    body = ConsentsBody.model_validate(
        purposes(
            {
                "id": "marketing",
                "enabled": True,
                "propagation": True,
                "values": {"topics": {"value": "sport", "from_propagation": True}},
            }
        )
    )

    assert V2.event(body) == body.model_dump(exclude_unset=True)
    assert V2.status(Merger().fold([body]))["purposes"] == [
        {"id": "marketing", "enabled": True, "values": {"topics": {"value": "sport"}}}
    ]


def test_each_generation_shows_its_own_answers() -> None:
    """v1 shows nested preferences, v2 flat values."""
    preferences = [{"id": "deals", "enabled": True, "channels": [{"id": "sms", "enabled": False}]}]
    held = Merger().fold(
        [
            ConsentsBody.model_validate(
                purposes(
                    {
                        "id": "marketing",
                        "enabled": True,
                        "values": {"topics": {"value": "sport"}},
                        "preferences": preferences,
                    }
                )
            )
        ]
    )

    assert V1.status(held)["purposes"] == [
        {"id": "marketing", "enabled": True, "preferences": preferences}
    ]
    assert V2.status(held)["purposes"] == [
        {"id": "marketing", "enabled": True, "values": {"topics": {"value": "sport"}}}
    ]


def test_the_full_tree_shows_what_nobody_chose() -> None:
    """Every configured node appears, with null where no choice was made, and unknown held ones too."""
    body = ConsentsBody.model_validate(
        purposes({"id": "marketing", "values": {"topics": {"value": "sport"}}}, {"id": "extra"})
    )
    tree: Any = TREE.event(body)

    assert tree["channels"] == [{"id": "email", "enabled": None}, {"id": "sms", "enabled": None}]
    assert [item["id"] for item in tree["purposes"]] == [
        "marketing",
        "newsletter",
        "partners",
        "analytics",
        "extra",
    ]
    assert tree["purposes"][0]["preferences"] == [
        {
            "id": "topics",
            "enabled": None,
            "values": [
                {"id": "sport", "enabled": True},
                {"id": "news", "enabled": False},
                {"id": "culture", "enabled": False},
            ],
            "channels": [],
        },
        {
            "id": "deals",
            "enabled": None,
            "values": [],
            "channels": [{"id": "email", "enabled": None}, {"id": "sms", "enabled": None}],
        },
    ]


def history(*steps: tuple[int, str, bool | None]) -> list[EventBody]:
    return [
        EventBody.model_validate(
            {
                "id": f"e-{number}",
                "created_at": (DAY + timedelta(days=day)).isoformat(),
                "user": {"organization_user_id": "ana.peeters@example.com"},
                "consents": purposes({"id": purpose, "enabled": enabled}),
            }
        )
        for number, (day, purpose, enabled) in enumerate(steps)
    ]


def status_after(bodies: list[EventBody]) -> Any:
    world = World(Organisation(), Switches())
    for body in bodies:
        world.post_event(body.model_copy(deep=True))
    (user,) = world.users
    return world.display().user(user, "gdpr")["consents"]


def choices(status: Any) -> dict[str, bool | None]:
    return {item["id"]: item["enabled"] for item in status["purposes"]}


def test_an_earlier_dated_event_does_not_change_what_is_held() -> None:
    """Order goes by date, not by arrival, node by node."""
    bodies = history((5, "newsletter", False), (1, "newsletter", True), (1, "partners", True))

    assert choices(status_after(bodies)) == {"newsletter": False, "partners": True}


def test_any_order_of_arrival_gives_one_status() -> None:
    """Equal dates are decided by event id, so that every order of arrival ends alike."""
    bodies = history(
        (1, "newsletter", True),
        (1, "newsletter", False),
        (2, "partners", None),
        (0, "partners", True),
    )
    results = [choices(status_after(list(order))) for order in permutations(bodies)]

    assert all(result == results[0] for result in results)
    assert results[0] == {"newsletter": False, "partners": True}


STEPS = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.sampled_from(["newsletter", "partners"]),
        st.sampled_from([True, False, None]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(STEPS, st.randoms(use_true_random=False))
def test_deleting_an_event_equals_never_having_had_it(
    steps: list[tuple[int, str, bool | None]], chance: object
) -> None:
    """Whatever the history, the status after a deletion is that of the events left."""
    bodies = history(*steps)
    world = World(Organisation(), Switches())
    for body in bodies:
        world.post_event(body.model_copy(deep=True))
    victim = bodies[len(bodies) // 2]
    world.delete_events([world.event(str(victim.id))])
    (user,) = world.users
    left = [body for body in bodies if body is not victim]
    expected = choices(status_after(left)) if left else {}

    assert choices(world.display().user(user, "gdpr")["consents"]) == expected


def test_events_dated_by_the_platform_never_tie() -> None:
    """Two events in one moment of a standing clock are a millisecond apart."""
    world = World(Organisation(), Switches(), clock=lambda: DAY)
    body = {"user": {"organization_user_id": "ana.peeters@example.com"}}
    first = world.post_event(EventBody.model_validate(body))
    second = world.post_event(EventBody.model_validate(body))

    assert second.created_at - first.created_at == timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("precision", "shown"),
    [
        ("second", "2026-03-01T00:00:00Z"),
        ("millisecond", "2026-03-01T00:00:00.123Z"),
        ("microsecond", "2026-03-01T00:00:00.123456Z"),
    ],
)
def test_dates_are_stored_with_the_set_precision(precision: str, shown: str) -> None:
    """What the platform does not store it does not show."""
    world = World(Organisation(), Switches.from_mapping({"date_precision": precision}))
    body = EventBody.model_validate({"created_at": "2026-03-01T00:00:00.123456Z"})

    assert world.display().event(world.post_event(body))["created_at"] == shown


def test_an_unknown_event_is_not_found() -> None:
    """Asking the world for an event that it lacks is a 404."""
    with pytest.raises(RefusalError) as caught:
        World(Organisation(), Switches()).event("nothing")

    assert caught.value.status == 404
