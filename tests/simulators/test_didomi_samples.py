"""The simulated Didomi's webhooks and reads, to the letter, in all three shapes of consents."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.simulators.didomi_kit import ANA, Bench, Received, running

SAMPLES = Path(__file__).parents[1] / "samples" / "didomi"
SHAPES = ("v1", "v2", "full_tree")
TYPES = (
    "event.created",
    "event.updated",
    "event.deleted",
    "user.created",
    "user.updated",
    "user.deleted",
)
VARIANTS: dict[str, dict[str, Any]] = {
    "no_regulation": {"envelope_regulation": False},
    "full_deletion": {"event_deleted_body": "full"},
    "flat": {"flatten": True},
}
ANSWERS: dict[str, dict[str, object]] = {
    "v1": {"preferences": {"marketing": {"deals": {"email": True, "sms": False}, "topics": True}}},
    "v2": {"values": {"marketing": {"topics": ["sport", "news"]}}},
}


async def life_of_a_person(bench: Bench) -> dict[str, Received]:
    """Let a person choose, confirm a second choice, take it back and be erased; return the first body of each type."""
    answers = ANSWERS.get(str(bench.sim.switches.api_generation), ANSWERS["v2"])
    bench.connect()
    bench.sim.click(
        ANA,
        {"channels": {"email": True, "sms": None}, "purposes": {"marketing": True}, **answers},
        metadata={"page": "profile"},
        user_metadata={"brand": "north"},
        country="BE",
    )
    bench.clock.advance(60)
    pending = bench.sim.click(
        ANA, {"purposes": {"newsletter": True, "partners": False}}, status="pending_approval"
    )
    bench.clock.advance(60)
    bench.sim.people.approve(pending.id)
    heard: dict[str, Received] = {}
    for item in await bench.heard():
        heard.setdefault(item.type, item)
    bench.clock.advance(60)
    bench.sim.people.delete_event(pending.id)
    heard["event.deleted"] = (await bench.heard())[0]
    bench.sim.people.delete_user(ANA)
    heard["user.deleted"] = (await bench.heard())[-1]
    return heard


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", TYPES)
async def test_a_webhook_is_its_sample(shape: str, kind: str) -> None:
    """Each of the six types has one exact body per shape."""
    async with running(api_generation=shape) as bench:
        heard = await life_of_a_person(bench)

        assert heard[kind].body == sample(f"webhook-{shape}-{kind}")


@pytest.mark.parametrize(
    ("variant", "kind"),
    [
        ("no_regulation", "user.updated"),
        ("full_deletion", "event.deleted"),
        ("flat", "user.updated"),
    ],
)
async def test_a_variant_of_a_webhook_is_its_sample(variant: str, kind: str) -> None:
    """The envelope without regulation, the full deletion and the flattened body."""
    async with running(**VARIANTS[variant]) as bench:
        heard = await life_of_a_person(bench)

        assert heard[kind].body == sample(f"webhook-{variant}-{kind}")


@pytest.mark.parametrize("shape", SHAPES)
async def test_reads_are_their_samples(shape: str) -> None:
    """The lists of a person's users and events, as answered."""
    async with running(api_generation=shape) as bench:
        answers = ANSWERS.get(shape, ANSWERS["v2"])
        bench.sim.click(ANA, {"purposes": {"marketing": True}, **answers})
        users = await bench.api.get("/consents/users", organization_user_id=ANA)
        events = await bench.api.get("/consents/events", organization_user_id=ANA)

        assert users.body == sample(f"users-{shape}")
        assert events.body == sample(f"events-{shape}")


async def test_one_read_may_ask_for_the_full_tree() -> None:
    """`$include_full_tree=true` changes the shape of that answer only."""
    async with running() as bench:
        bench.sim.click(ANA, {"purposes": {"marketing": True}, **ANSWERS["v2"]})
        query = {"organization_user_id": ANA}
        tree = await bench.api.get("/consents/users", **query, __include_full_tree="true")
        flat = await bench.api.get("/consents/users", **query)

        assert tree.body == sample("users-full_tree")
        assert flat.body == sample("users-v2")
