"""How urgent a Didomi webhook is by what it says."""

import pytest

from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.domain.urgency import Urgency
from tests.providers.didomi.bodies import Json, body, envelope, event, user


def urgency(value: Json) -> Urgency:
    [arrival] = DidomiReceiver().arrivals(body(value))
    return arrival.urgency


def said(**consents: object) -> Json:
    return envelope("event.created", entity=event(consents=consents))


PURPOSE = {"id": "marketing"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (said(purposes=[{**PURPOSE, "enabled": True}]), Urgency.OPT_IN),
        (said(purposes=[{**PURPOSE, "enabled": False}]), Urgency.OPT_OUT),
        (said(channels=[{"id": "email", "enabled": True}]), Urgency.OPT_IN),
        (said(channels=[{"id": "email", "enabled": False}]), Urgency.OPT_OUT),
        (
            said(purposes=[{**PURPOSE, "channels": [{"id": "sms", "enabled": False}]}]),
            Urgency.OPT_OUT,
        ),
        (
            said(purposes=[{**PURPOSE, "preferences": [{"id": "topics", "enabled": False}]}]),
            Urgency.OPT_OUT,
        ),
        (
            said(
                purposes=[
                    {
                        **PURPOSE,
                        "preferences": [
                            {"id": "deals", "channels": [{"id": "sms", "enabled": False}]}
                        ],
                    }
                ]
            ),
            Urgency.OPT_OUT,
        ),
        # What a list leaves out is refused.
        (said(purposes=[{**PURPOSE, "values": {"topics": {"value": "sport"}}}]), Urgency.OPT_OUT),
        (
            said(purposes=[{**PURPOSE, "preferences": [{"id": "topics", "value": "sport"}]}]),
            Urgency.OPT_OUT,
        ),
        (said(), Urgency.REST),
        (envelope("event.deleted", entity=event()), Urgency.OPT_OUT),
        (envelope("user.deleted", entity=user()), Urgency.OPT_OUT),
        (envelope("user.created", entity=user()), Urgency.OPT_OUT),
    ],
)
def test_urgency_goes_by_what_may_be_a_no(value: Json, expected: Urgency) -> None:
    """Whatever may hold a refusal is an opt-out, wherever it stands in the body."""
    assert urgency(value) is expected


def test_an_update_of_other_things_is_not_urgent() -> None:
    """Where the choices stayed as they were, only attributes can have changed."""
    new = user(metadata={"brand": "south"})

    assert urgency(envelope("user.updated", old_entity=user(), new_entity=new)) is Urgency.REST


def test_an_old_no_beside_a_new_yes_is_an_opt_in() -> None:
    """What stood there before is nothing new."""
    no = {"id": "email", "enabled": False}
    old = user(consents={"channels": [no]})
    new = user(consents={"channels": [no, {"id": "sms", "enabled": True}]})

    assert urgency(envelope("user.updated", old_entity=old, new_entity=new)) is Urgency.OPT_IN


def test_a_no_that_was_a_yes_is_an_opt_out() -> None:
    """The state before tells what is new."""
    old = user(consents={"channels": [{"id": "email", "enabled": True}]})
    new = user(consents={"channels": [{"id": "email", "enabled": False}]})

    assert urgency(envelope("user.updated", old_entity=old, new_entity=new)) is Urgency.OPT_OUT
