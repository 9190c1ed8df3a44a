"""How the simulated Didomi delivers webhooks."""

import asyncio
from collections import Counter

import pytest

from consent_sync.simulators.didomi import OAuth
from tests.simulators.didomi_kit import ANA, BO, NO, YES, Bench, choice, event, purpose, running

HEADERS = {"X-Webhook-Secret": "fake-secret"}


def oauth(bench: Bench, **fields: object) -> OAuth:
    return OAuth.model_validate(
        {
            "token_url": bench.receiver.token_url,
            "client_id": "fake:client",
            "client_secret": "fake secret",
            **fields,
        }
    )


async def test_a_click_is_told_twice() -> None:
    """First the event, then the user, with what was and what is now."""
    async with running() as bench:
        bench.connect(headers=HEADERS)
        bench.sim.click(ANA, YES)
        bench.sim.click(ANA, NO)
        heard = await bench.heard()

        assert [item.type for item in heard] == [
            "event.created",
            "user.created",
            "event.created",
            "user.updated",
        ]
        last = heard[3].body["parameters"]
        assert last["source"] == heard[2].body["parameters"]["entity"]
        assert choice(last["old_entity"], "newsletter") is True
        assert choice(last["new_entity"], "newsletter") is False
        assert heard[0].headers["Content-Type"] == "application/json"
        assert heard[0].headers["X-Webhook-Secret"] == "fake-secret"


@pytest.mark.parametrize(
    ("fan_out", "expected"),
    [
        ("event_then_user", ["event.created", "user.created"]),
        ("user_then_event", ["user.created", "event.created"]),
        ("event_only", ["event.created"]),
        ("user_only", ["user.created"]),
    ],
)
async def test_the_fan_out_is_a_switch(fan_out: str, expected: list[str]) -> None:
    """Both, reversed, or one of them."""
    async with running(webhook_fan_out=fan_out) as bench:
        bench.connect()
        bench.sim.click(ANA, YES)

        assert [item.type for item in await bench.heard()] == expected


async def test_a_pending_event_tells_of_the_user_only_once_approved() -> None:
    """Pending: the event alone. Approved: the event's change, then the user's."""
    async with running() as bench:
        bench.connect()
        pending = bench.sim.click(ANA, YES, status="pending_approval")
        first = await bench.heard()
        bench.sim.people.approve(pending.id)
        second = await bench.heard()

        assert [item.type for item in first] == ["event.created"]
        assert first[0].body["parameters"]["entity"]["status"] == "pending_approval"
        assert [item.type for item in second] == ["event.updated", "user.updated"]
        changed = second[0].body["parameters"]
        assert changed["old_entity"]["status"] == "pending_approval"
        assert changed["new_entity"]["status"] == "confirmed"


@pytest.mark.parametrize(
    ("body", "keys"), [("sparse", {"id", "created_at"}), ("full", {"id", "user", "consents"})]
)
async def test_a_deleted_event_is_told_sparsely_or_fully(body: str, keys: set[str]) -> None:
    """The switch decides what is left of the event; the user follows without a source."""
    async with running(event_deleted_body=body) as bench:
        made = bench.sim.click(ANA, YES)
        bench.connect()
        bench.sim.people.delete_event(made.id)
        deleted, updated = await bench.heard()

        entity = deleted.body["parameters"]["entity"]
        assert deleted.type == "event.deleted"
        assert keys <= set(entity)
        assert (set(entity) == keys) == (body == "sparse")
        assert updated.type == "user.updated"
        assert "source" not in updated.body["parameters"]


async def test_a_deleted_user_takes_the_events_along() -> None:
    """Each event's deletion is told, then the user's, as it was."""
    async with running() as bench:
        bench.sim.click(ANA, YES)
        bench.sim.click(ANA, NO)
        bench.connect()
        bench.sim.people.delete_user(ANA)
        heard = await bench.heard()

        assert [item.type for item in heard] == ["event.deleted", "event.deleted", "user.deleted"]
        entity = heard[2].body["parameters"]["entity"]
        assert (entity["organization_user_id"], choice(entity, "newsletter")) == (ANA, False)


@pytest.mark.parametrize(("silences", "expected"), [(True, 0), (False, 2)])
async def test_disabled_integrations_may_silence_webhooks(silences: bool, expected: int) -> None:
    """Whether `$disable_integrations=true` covers webhooks is a switch."""
    async with running(disable_integrations_silences_webhooks=silences) as bench:
        bench.connect()
        body = event(purposes=[purpose("newsletter", True)])
        await bench.api.post("/consents/events", body, __disable_integrations="true")

        assert len(await bench.heard()) == expected


@pytest.mark.parametrize(("tells", "expected"), [(True, 2), (False, 0)])
async def test_a_patch_may_be_silent(tells: bool, expected: int) -> None:
    """Whether changing an event through the API is told is a switch."""
    async with running(patch_event_webhooks=tells) as bench:
        made = bench.sim.click(ANA, YES, status="pending_approval")
        bench.connect()
        path = f"/consents/events/{made.id}"
        await bench.api.patch(path, {"status": "confirmed"}, organization_user_id=ANA)

        assert len(await bench.heard()) == expected


async def test_a_changed_user_is_told_without_a_source() -> None:
    """A user made or changed through the API is told as a user alone."""
    async with running() as bench:
        bench.connect()
        made = await bench.api.post("/consents/users", {"organization_user_id": ANA})
        await bench.api.patch(f"/consents/users/{made.body['id']}", {"metadata": {"a": 1}})
        heard = await bench.heard()

        assert [item.type for item in heard] == ["user.created", "user.updated"]
        assert set(heard[1].body["parameters"]) == {"old_entity", "new_entity"}


@pytest.mark.parametrize(("guests", "expected"), [(False, 0), (True, 2)])
async def test_guests_may_be_told(guests: bool, expected: int) -> None:
    """Users without an OUID appear only with the switch on."""
    async with running(webhook_guests=guests) as bench:
        bench.connect()
        bench.sim.click(None, YES)

        assert len(await bench.heard()) == expected


@pytest.mark.parametrize(("several", "expected"), [(False, 0), (True, 2)])
async def test_other_regulations_may_be_told(several: bool, expected: int) -> None:
    """Only GDPR is told by default; otherwise the envelope names the regulation."""
    async with running(multi_regulation=several) as bench:
        bench.connect()
        bench.sim.click(ANA, NO, regulation="cpra")
        heard = await bench.heard()

        assert [item.body["regulation"] for item in heard] == ["cpra"] * expected


async def test_the_regulation_may_be_missing_from_the_envelope() -> None:
    """Older payloads name it only on events, and on users with a switch of its own."""
    async with running(envelope_regulation=False, user_regulation=True) as bench:
        bench.connect()
        bench.sim.click(ANA, YES)
        created, user = await bench.heard()

        assert "regulation" not in created.body
        assert created.body["parameters"]["entity"]["regulation"] == "gdpr"
        assert user.body["parameters"]["entity"]["regulation"] == "gdpr"


async def test_flat_bodies_lose_the_old_entity() -> None:
    """Flattened keys are joined by a double underscore under one `entity`."""
    async with running(flatten=True) as bench:
        bench.sim.click(ANA, YES)
        bench.connect()
        bench.sim.click(ANA, NO)
        _, user = await bench.heard()

        assert user.body["type"] == "user.updated"
        assert user.body["entity__organization_user_id"] == ANA
        assert user.body["entity__consents__purposes__0__enabled"] is False
        assert user.body["entity__consents__channels"] == []
        assert "parameters" not in user.body


async def test_event_types_can_be_chosen() -> None:
    """A receiver with a choice of types hears nothing else."""
    async with running() as bench:
        bench.connect(event_types=["user.created"])
        bench.sim.click(ANA, YES)

        assert [item.type for item in await bench.heard()] == ["user.created"]


async def test_every_receiver_hears_everything() -> None:
    """Two registrations are two deliveries."""
    async with running() as bench:
        bench.connect()
        bench.connect()
        bench.sim.click(ANA, YES)

        assert len(await bench.heard()) == 4


async def test_deliveries_keep_their_order() -> None:
    """In order means one after the other, as it happened."""
    async with running(webhook_fan_out="event_only") as bench:
        bench.connect()
        made = [bench.sim.click(ANA, YES).id for _ in range(20)]
        heard = await bench.heard()

        assert [item.body["parameters"]["entity"]["id"] for item in heard] == made


async def test_deliveries_may_be_shuffled() -> None:
    """Shuffled deliveries all arrive, in an order of chance."""
    async with running(webhook_fan_out="event_only", webhook_order="shuffled") as bench:
        bench.connect()
        made = [bench.sim.click(ANA, YES).id for _ in range(20)]
        heard = [item.body["parameters"]["entity"]["id"] for item in await bench.heard()]

        assert heard != made
        assert sorted(heard) == sorted(made)


async def test_deliveries_may_come_hours_later() -> None:
    """Delayed deliveries wait; a flush sends them at once, as they were then."""
    async with running(webhook_order="delayed", time_scale=1) as bench:
        bench.connect()
        bench.sim.click(ANA, YES)
        bench.sim.click(ANA, NO)
        waiting = bench.sim.sender.waiting
        bench.sim.sender.hurry()
        heard = await bench.heard()

        assert waiting == 4
        assert heard[0].type == "event.created"
        assert choice(heard[1].body["parameters"]["entity"], "newsletter") is True


async def test_a_failed_delivery_is_tried_again() -> None:
    """The same body comes again until it is taken."""
    async with running(webhook_fan_out="event_only") as bench:
        bench.connect()
        bench.receiver.statuses = [503, 500]
        bench.sim.click(ANA, YES)
        heard = await bench.heard()

        assert len(heard) == 3
        assert heard[0].body == heard[2].body
        assert [attempt.status for attempt in bench.sim.sender.attempts] == [503, 500, 200]
        assert (bench.sim.sender.attempted, bench.sim.sender.succeeded) == (3, 1)


@pytest.mark.parametrize(
    ("schedule", "attempts"),
    [("five_in_five_minutes", 5), ("every_five_minutes", 5), ("one_try", 1)],
)
async def test_a_delivery_is_given_up_and_stored(schedule: str, attempts: int) -> None:
    """After the last attempt it is kept, and comes again only when replayed."""
    async with running(webhook_fan_out="event_only", webhook_retry_schedule=schedule) as bench:
        bench.connect()
        bench.receiver.statuses = [503] * attempts
        bench.sim.click(ANA, YES)
        tried = len(await bench.heard())
        stored = len(bench.sim.sender.stored)
        replayed = bench.sim.sender.replay_stored()
        again = len(await bench.heard())

        assert (tried, stored, replayed, again) == (attempts, 1, 1, 1)
        assert len(bench.sim.sender.stored) == 0


@pytest.mark.parametrize(
    ("schedule", "pauses"), [("five_in_five_minutes", 60), ("every_five_minutes", 300)]
)
async def test_the_schedule_sets_the_pauses(schedule: str, pauses: float) -> None:
    """The next attempt waits for its time, which the scale stretches or shrinks."""
    async with running(
        webhook_fan_out="event_only", webhook_retry_schedule=schedule, time_scale=1
    ) as bench:
        bench.connect()
        bench.receiver.statuses = [503]
        bench.sim.click(ANA, YES)
        async with asyncio.timeout(5):
            while not bench.sim.sender.attempts:  # noqa: ASYNC110 - the sender has no event for one attempt
                await asyncio.sleep(0.001)
        left = bench.sim.sender.seconds_to_next

        assert left == pytest.approx(pauses, abs=2)


@pytest.mark.parametrize(("again", "attempts"), [(True, 5), (False, 1)])
async def test_client_errors_may_be_final(again: bool, attempts: int) -> None:
    """Whether 4xx is tried again is a switch; either way the delivery ends up stored."""
    async with running(webhook_fan_out="event_only", webhook_retry_client_errors=again) as bench:
        bench.connect()
        bench.receiver.statuses = [400] * 5
        bench.sim.click(ANA, YES)

        assert len(await bench.heard()) == attempts
        assert len(bench.sim.sender.stored) == 1


async def test_duplicates_come_even_after_a_success() -> None:
    """With the switch every attempt of the schedule is made."""
    async with running(webhook_fan_out="event_only", webhook_duplicates="every_retry") as bench:
        bench.connect()
        bench.sim.click(ANA, YES)
        heard = await bench.heard()

        assert len(heard) == 5
        assert len({str(item.body) for item in heard}) == 1
        assert len(bench.sim.sender.stored) == 0


async def test_a_slow_receiver_runs_into_the_timeout() -> None:
    """An answer that takes too long is a failure, although the receiver got the body."""
    async with running(
        webhook_fan_out="event_only",
        webhook_timeout_seconds=0.02,
        webhook_retry_schedule="one_try",
    ) as bench:
        bench.connect()
        bench.receiver.delay = 0.04
        bench.sim.click(ANA, YES)
        await bench.sim.settled(5)

        assert [attempt.status for attempt in bench.sim.sender.attempts] == [0]


async def test_a_receiver_that_is_away_is_a_failure() -> None:
    """No connection is noted as status 0, and a redirect is not followed."""
    async with running(webhook_retry_schedule="one_try", webhook_fan_out="event_only") as bench:
        bench.sim.connect_webhook("http://127.0.0.1:9/hook")
        bench.sim.click(ANA, YES)
        await bench.sim.settled(5)
        bench.connect()
        bench.receiver.statuses = [302]
        bench.sim.click(BO, YES)
        await bench.sim.settled(5)

        assert sorted(attempt.status for attempt in bench.sim.sender.attempts) == [0, 0, 302]


async def test_several_deliveries_may_be_under_way() -> None:
    """Concurrency lets a slow receiver hold up nobody."""
    async with running(webhook_concurrency=8, webhook_fan_out="event_only") as bench:
        bench.connect()
        bench.receiver.delay = 0.02
        for number in range(8):
            bench.sim.click(f"p{number}@example.com", YES)
        await bench.sim.settled(5)

        assert 1 < bench.receiver.most_at_once <= 8
        assert len(bench.receiver.received) == 8


async def test_nothing_of_our_own_is_sent_without_authentication() -> None:
    """With the switch at none static headers stay away."""
    async with running() as bench:
        bench.connect(headers=HEADERS)
        bench.sim.turn(webhook_auth="none")
        bench.sim.click(ANA, YES)

        assert all("X-Webhook-Secret" not in item.headers for item in await bench.heard())


@pytest.mark.parametrize("style", ["form", "basic"])
async def test_a_token_is_fetched_with_client_credentials(style: str) -> None:
    """The credentials travel in the form or as Basic; the token in every delivery."""
    async with running(oauth_client_auth=style) as bench:
        bench.connect(
            headers=HEADERS, oauth=oauth(bench, scope="consents", headers={"X-Extra": "1"})
        )
        bench.sim.click(ANA, YES)
        heard = await bench.heard()

        (request,) = bench.receiver.token_requests
        assert request.body["grant_type"] == "client_credentials"
        assert request.body["scope"] == "consents"
        assert request.headers["X-Extra"] == "1"
        assert ("client_secret" in request.body) == (style == "form")
        # Both parts are form-encoded before they are joined.
        basic = "Basic ZmFrZSUzQWNsaWVudDpmYWtlJTIwc2VjcmV0"
        assert (request.headers.get("Authorization") == basic) == (style == "basic")
        assert {item.headers["Authorization"] for item in heard} == {"Bearer receiver-token-1"}
        assert heard[0].headers["X-Webhook-Secret"] == "fake-secret"


@pytest.mark.parametrize(("kept", "requests"), [("cached", 1), ("per_call", 4)])
async def test_a_token_is_kept_or_fetched_each_time(kept: str, requests: int) -> None:
    """Cached tokens serve many deliveries; otherwise each one fetches its own."""
    async with running(oauth_token=kept) as bench:
        bench.connect(oauth=oauth(bench))
        bench.sim.click(ANA, YES)
        bench.sim.click(ANA, NO)
        await bench.heard()

        assert len(bench.receiver.token_requests) == requests


async def test_a_token_is_fetched_again_when_it_ends() -> None:
    """A token that lives no time is good for one delivery."""
    async with running() as bench:
        bench.receiver.expires_in = 0
        bench.connect(oauth=oauth(bench))
        bench.sim.click(ANA, YES)
        await bench.heard()

        assert len(bench.receiver.token_requests) == 2


async def test_a_refused_token_is_fetched_again() -> None:
    """After a 401 the next attempt brings a new token."""
    async with running(webhook_fan_out="event_only") as bench:
        bench.connect(oauth=oauth(bench))
        bench.sim.click(ANA, YES)
        await bench.heard()
        bench.receiver.good_token = "another"
        bench.sim.click(ANA, NO)
        heard = await bench.heard()

        assert len(heard) == 2
        assert heard[1].headers["Authorization"] == "Bearer receiver-token-2"


@pytest.mark.parametrize(("status", "named"), [(500, "access_token"), (200, "token")])
async def test_a_delivery_without_a_token_is_not_made(status: int, named: str) -> None:
    """When the token address gives no token, the delivery fails and is tried again later."""
    async with running(webhook_fan_out="event_only") as bench:
        bench.connect(oauth=oauth(bench))
        bench.receiver.token_status = status
        bench.receiver.token_field = named
        bench.sim.click(ANA, YES)
        await bench.sim.settled(5)

        assert Counter(attempt.status for attempt in bench.sim.sender.attempts) == {0: 5}
        assert bench.receiver.received == []


async def test_waiting_deliveries_survive_a_restart() -> None:
    """What was not sent before a stop is sent after the next start, on the same port."""
    async with running(webhook_fan_out="event_only") as bench:
        bench.connect()
        port = bench.sim.port
        await bench.sim.stop()
        bench.sim.click(ANA, YES)
        await bench.sim.start(port=port)
        heard = await bench.heard()

        assert len(heard) == 1
        assert bench.sim.port == port


async def test_a_delivery_broken_off_by_a_stop_is_made_again() -> None:
    """A stop in the middle of a delivery does not lose it."""
    async with running(webhook_fan_out="event_only") as bench:
        bench.connect()
        bench.receiver.delay = 0.03
        bench.sim.click(ANA, YES)
        await asyncio.sleep(0.01)
        await bench.sim.stop()
        bench.receiver.delay = 0
        await bench.sim.start()
        await bench.sim.settled(5)

        assert bench.receiver.types[-1] == "event.created"
        assert bench.sim.sender.succeeded == 1


async def test_settling_has_a_limit() -> None:
    """Waiting for webhooks that do not go out ends with TimeoutError."""
    async with running(webhook_order="delayed", time_scale=1) as bench:
        bench.connect()
        bench.sim.click(ANA, YES)

        with pytest.raises(TimeoutError):
            await bench.sim.settled(0.01)
