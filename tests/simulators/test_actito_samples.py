"""Each sample file is a promise of the simulated Actito: exchanges with clients, and deliveries to receivers."""

from typing import Any

import pytest

from tests.simulators.actito_support import (
    Client,
    client,
    like,
    read_sample,
    receiver,
    sample_names,
)


@pytest.mark.parametrize("name", sample_names("exchange"))
async def test_a_client_gets_the_answers_of_the_sample(name: str) -> None:
    """Every request of a sample gets the status, the body and the headers that stand beside it."""
    sample = read_sample(name)
    async with client(sample.get("switches"), sample.get("world")) as caller:
        seed(caller, sample)
        for number, step in enumerate(sample["exchange"]):
            reply = await caller.call(**step["send"])
            expected = step["expect"]

            assert reply.status == expected["status"], (number, step, reply)
            if "body" in expected:
                assert like(reply.body, expected["body"]), (number, step, reply.text)
            for header, value in expected.get("headers", {}).items():
                assert reply.headers[header].startswith(value)


@pytest.mark.parametrize("name", sample_names("webhook"))
async def test_a_receiver_gets_the_deliveries_of_the_sample(name: str) -> None:
    """What people and calls do in a sample arrives as the bodies that stand beside it, in order."""
    sample = read_sample(name)
    async with receiver() as catcher, client(sample.get("switches")) as caller:
        seed(caller, sample)
        simulator = caller.simulator
        for hook in sample["webhooks"]:
            simulator.register_webhook(catcher.url, hook.pop("eventType"), **hook)
        simulator.switches.webhook_hold = True
        for deed in sample["do"]:
            await do(caller, deed)
        simulator.switches.webhook_hold = False
        simulator.sender.flush()
        await simulator.settled()

        assert like(catcher.bodies, sample["deliveries"]), catcher.bodies


def seed(caller: Client, sample: dict[str, Any]) -> None:
    for profile in sample.get("profiles", []):
        caller.simulator.world.seed(profile["attributes"], profile.get("subscriptions"))


async def do(caller: Client, deed: dict[str, Any]) -> None:
    call = caller.call(**deed) if "method" in deed else caller.control("POST", "/clicks", deed)
    reply = await call

    assert reply.status < 300, reply
