"""Reading and writing profiles of the simulated Actito."""

import asyncio
from dataclasses import replace

import orjson
import pytest

from consent_sync.adapters.actito.client import ActitoClient
from consent_sync.adapters.actito.wire import Hook
from consent_sync.domain.errors import (
    AbsentError,
    CredentialError,
    PermanentError,
    TemporaryError,
)
from consent_sync.domain.events import ProfileMissing, ProfileReading
from consent_sync.domain.hooks import WebhookRegistration
from consent_sync.domain.identity import Names
from consent_sync.domain.moments import SECOND
from consent_sync.domain.profile import TableAttribute
from consent_sync.simulators.actito import ActitoSimulator
from consent_sync.simulators.faults import Fault
from tests.providers.actito.conftest import (
    ODD_ENTITY,
    ODD_SUBSCRIPTION,
    ODD_TABLE,
    MakeClient,
)
from tests.providers.actito.samples import NOON, TestClock, change, mapping, switch

ODD_KEYS = [
    "../",
    "..",
    ".",
    "a=b",
    "100%",
    "%2F",
    "/",
    " two  words ",
    "🙂 Zoë",
    "x'; DROP TABLE profile; --",
    "?q=1#f",
    "a;b&c+d",
    '"quoted"',
]


async def test_a_profile_is_read_by_its_key(client: ActitoClient) -> None:
    """The reading holds both names, the moments, and only subscriptions that were ever set."""
    reading = await client.read_by_key(mapping(), "A-77")

    assert reading == ProfileReading(
        NOON, NOON, Names(actito_key="A-77", profile_id="1001"), {"Newsletter": True}
    )


async def test_a_profile_is_read_by_its_number(client: ActitoClient) -> None:
    """Actito's number leads to the same reading, with the key that we did not know."""
    by_id = await client.read_by_id(mapping(), "1002")

    assert by_id == await client.read_by_key(mapping(), "B-88")


@pytest.mark.parametrize("never_set", ["absent", "false"])
@pytest.mark.parametrize("values", ["text", "native"])
async def test_both_ways_to_write_values_are_read(
    actito: ActitoSimulator, client: ActitoClient, values: str, never_set: str
) -> None:
    """Texts or native values, never-set names listed or not: what is held is the same."""
    switch(actito, answer_values=values)
    switch(actito, never_set_subscriptions=never_set)
    reading = await client.read_by_key(mapping(), "A-77")

    assert isinstance(reading, ProfileReading)
    assert reading.names == Names(actito_key="A-77", profile_id="1001")
    assert reading.subscriptions.get("DailyDeals") is (None if never_set == "absent" else False)


async def test_the_key_is_returned_as_actito_spells_it(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """Where Actito ignores letter case, its own spelling is the one to keep."""
    actito.switches.keys_ignore_case = True
    reading = await client.read_by_key(mapping(), "a-77")

    assert isinstance(reading, ProfileReading)
    assert reading.names.actito_key == "A-77"


async def test_nobody_is_missing(client: ActitoClient) -> None:
    """A key that nobody has is a confirmed absence."""
    assert await client.read_by_key(mapping(), "Z-1") == ProfileMissing(NOON)
    assert await client.read_by_id(mapping(), "999") == ProfileMissing(NOON)


async def test_an_update_changes_what_it_names(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """Named subscriptions and attributes change, the others stay, and the origin is recorded."""
    await client.update(
        mapping(), "A-77", change({"lastName": "Doe"}, DailyDeals=True), after_look=False
    )
    profile = actito.world.profile("customerId=A-77")
    trace = profile.interactions[-1].provenance

    assert profile.subscriptions == {"Newsletter": True, "DailyDeals": True}
    assert profile.attributes["lastName"] == "Doe"
    assert (trace.source, trace.way, trace.date) == ("Didomi", "consent", "2026-01-15 12:00:00")


@pytest.mark.parametrize("put_answer", ["200_body", "200_empty", "204"])
async def test_an_update_needs_no_body_in_the_answer(
    actito: ActitoSimulator, client: ActitoClient, put_answer: str
) -> None:
    """Any success is one, with or without a body."""
    switch(actito, put_answer=put_answer)
    told = await client.update(mapping(), "A-77", change(Newsletter=False), after_look=True)
    number = actito.world.profile("customerId=A-77").id

    assert actito.world.subscriptions("customerId=A-77") == {"Newsletter": False}
    assert told == (str(number) if put_answer == "200_body" else "")


async def test_an_update_of_nobody_creates_nothing(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """An update never becomes a creation; that the profile is absent has been confirmed."""
    with pytest.raises(AbsentError):
        await client.update(mapping(), "Z-1", change(Newsletter=True), after_look=False)

    assert len(list(actito.world.pick())) == 2


@pytest.mark.parametrize("post_answer", ["200_body", "201_location", "204"])
async def test_a_creation(actito: ActitoSimulator, client: ActitoClient, post_answer: str) -> None:
    """A new profile gets its key, attributes and subscriptions."""
    switch(actito, post_answer=post_answer)
    await client.create(mapping(), "C-99", change({"age": 42}, Newsletter=False))
    profile = actito.world.profile("customerId=C-99")

    assert profile.attributes["age"] == 42
    assert profile.subscriptions == {"Newsletter": False}


@pytest.mark.parametrize("status", [400, 409])
async def test_a_creation_of_somebody_known_changes_nothing(
    actito: ActitoSimulator, client: ActitoClient, status: int
) -> None:
    """When the profile came into being meanwhile, the creation is refused for good."""
    actito.switches.existing_profile_answer = status
    with pytest.raises(PermanentError) as caught:
        await client.create(mapping(), "A-77", change(Newsletter=False))

    assert caught.value.status == status
    assert actito.world.subscriptions("customerId=A-77") == {"Newsletter": True}


async def test_a_creation_that_lacks_something_is_refused(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """A mandatory attribute that is missing makes a permanent error."""
    actito.switches.mandatory_attributes = ("lastName",)
    with pytest.raises(PermanentError) as caught:
        await client.create(mapping(), "C-99", change(Newsletter=True))

    assert caught.value.status == 400


async def test_a_refusal_is_told_without_values(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """The platform's reason is kept, what it quotes is not."""
    actito.switches.error_body = "json"
    with pytest.raises(PermanentError) as caught:
        await client.update(mapping(), "A-77", change(Secret=True), after_look=False)

    assert caught.value.answer == "status: 400; code: E400; message: unknown subscription ***"
    assert "Secret" not in str(caught.value)


@pytest.mark.parametrize("key", ODD_KEYS)
async def test_odd_keys_mean_one_person(
    actito: ActitoSimulator, client: ActitoClient, key: str
) -> None:
    """A profile with an odd key is created, read and changed like any other."""
    await client.create(mapping(), key, change(Newsletter=True))
    await client.update(mapping(), key, change(Newsletter=False), after_look=False)
    reading = await client.read_by_key(mapping(), key)

    assert isinstance(reading, ProfileReading)
    assert (reading.names.actito_key, reading.subscriptions) == (key, {"Newsletter": False})
    assert actito.calls.count("unknown") == 0


async def test_odd_entities_tables_and_subscriptions(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """Names with slashes, accents, spaces and percent signs reach the right table."""
    odd = mapping(ODD_ENTITY, ODD_TABLE, lines=(ODD_SUBSCRIPTION,))
    await client.create(odd, "A-77", change(None, **{ODD_SUBSCRIPTION: True}))
    reading = await client.read_by_key(odd, "A-77")

    assert isinstance(reading, ProfileReading)
    assert reading.subscriptions == {ODD_SUBSCRIPTION: True}
    assert (await client.structure(odd)).subscriptions == frozenset({ODD_SUBSCRIPTION})


@pytest.mark.parametrize("prefix", ["", "profile-data"])
async def test_the_category_is_a_setting(
    actito: ActitoSimulator, make_client: MakeClient, prefix: str
) -> None:
    """The category of profile data may be another one, or none."""
    actito.switches.profiles_prefix = prefix
    reading = await make_client(profiles_prefix=prefix).read_by_key(mapping(), "A-77")

    assert isinstance(reading, ProfileReading)


async def test_addresses_without_categories(
    actito: ActitoSimulator, make_client: MakeClient
) -> None:
    """Every category can be left out, as in the older form of the addresses."""
    actito.switches.path_style = "unprefixed"
    client = make_client(
        profiles_prefix="", structure_prefix="", entities_prefix="", webhooks_prefix=""
    )
    await client.check("acme")

    assert await client.read_by_key(mapping(), "Z-1") == ProfileMissing(NOON)
    assert await client.webhooks(mapping()) == []


async def test_the_structure_of_a_table(client: ActitoClient) -> None:
    """Types, limits, unique and mandatory attributes and subscriptions, as Actito lists them."""
    table = await client.structure(mapping())

    assert (table.table_id, table.name) == ("21", "Customers")
    assert table.subscriptions == frozenset({"Newsletter", "DailyDeals"})
    assert table.attributes["customerId"] == TableAttribute("customerId", unique=True)
    assert table.attributes["birthDate"].value_type == "DATE"
    assert table.attributes["age"] == TableAttribute("age", "INTEGER")
    assert table.attributes["profileId"].mandatory
    assert table.attributes["tier"] == TableAttribute(
        "tier", max_length=9, accepted_values=frozenset({"gold"})
    )


@pytest.mark.parametrize(
    ("shape", "expected"),
    [("texts", frozenset({"Newsletter", "DailyDeals"})), ("absent", None)],
)
async def test_subscriptions_may_be_listed_otherwise_or_not(
    actito: ActitoSimulator, client: ActitoClient, shape: str, expected: frozenset[str] | None
) -> None:
    """Names alone are understood, and a table that lists none says nothing about them."""
    switch(actito, structure_subscriptions=shape)

    assert (await client.structure(mapping())).subscriptions == expected


async def test_the_structure_is_kept_for_ten_minutes(
    actito: ActitoSimulator, client: ActitoClient, clock: TestClock
) -> None:
    """Many askers make one call, and an old answer is fetched anew."""
    await asyncio.gather(*(client.structure(mapping()) for _ in range(5)))
    clock.moment += 599 * SECOND
    await client.structure(mapping())
    calls = actito.calls.count("structure")
    clock.moment += SECOND
    await client.structure(mapping())

    assert (calls, actito.calls.count("structure")) == (1, 2)


async def test_a_table_that_is_not_listed(client: ActitoClient) -> None:
    """The error names what is to be seen; it may be a matter of rights, so it is temporary."""
    with pytest.raises(TemporaryError, match=r"'Clients'.*to be seen: Customers"):
        await client.structure(mapping(table="Clients"))


@pytest.mark.parametrize("shape", ["array", "object"])
async def test_registered_webhooks(
    actito: ActitoSimulator, client: ActitoClient, shape: str
) -> None:
    """Each webhook of the table is listed with what matters, and no secret."""
    switch(actito, webhook_list_shape=shape)
    actito.register_webhook(
        "https://sync.example.com/webhooks/actito/brand-a",
        "UPDATED_SUBSCRIPTION",
        onFields=["Newsletter"],
        headers={"X-Webhook-Secret": "fake-secret"},
        webhookPushType="BULK",
        isActive=False,
    )
    [found] = await client.webhooks(mapping())

    assert found == WebhookRegistration(
        id=found.id,
        event_type="UPDATED_SUBSCRIPTION",
        target_url="https://sync.example.com/webhooks/actito/brand-a",
        fields=("Newsletter",),
        headers=frozenset({"X-Webhook-Secret"}),
        push_type="BULK",
        active=False,
    )
    assert "fake-secret" not in repr(found)


async def test_a_webhook_is_made_and_changed(actito: ActitoSimulator, client: ActitoClient) -> None:
    """What was made is changed as a whole, switched on and with our secret."""
    hook = Hook("CREATE", "https://old.example.com/hook", (), "X-Webhook-Secret", "fake-secret")
    await client.put_webhook(mapping(), hook)
    [made] = await client.webhooks(mapping(), ["fake-secret"])
    actito.webhooks.update("acme", made.id, {"isActive": False, "headers": {}})
    changed = replace(hook, url="https://new.example.com/hook", secret="fake-new-secret")
    await client.put_webhook(mapping(), changed, made.id)
    [found] = await client.webhooks(mapping(), ["fake-secret"])

    assert (made.target_url, made.accepted, made.active) == (hook.url, True, True)
    assert (found.id, found.target_url, found.accepted) == (made.id, changed.url, False)
    assert found.active
    assert "fake-secret" not in repr(hook)


async def test_webhooks_on_many_pages(actito: ActitoSimulator, client: ActitoClient) -> None:
    """All pages are read, and the reading ends."""
    for number in range(230):
        actito.register_webhook(f"https://sync.example.com/{number}", "CREATE")
    found = await client.webhooks(mapping())

    assert len(found) == 230


async def test_the_check_of_an_account(client: ActitoClient) -> None:
    """A key that works and sees the entity passes; one that does not see it is told what it sees."""
    await client.check()
    await client.check("acme")
    with pytest.raises(CredentialError, match="'brand-b'; it sees: acme, acme/été"):
        await client.check("brand-b")


async def test_a_key_without_rights(actito: ActitoSimulator, client: ActitoClient) -> None:
    """A missing right is a matter for the operator, not for the person concerned."""
    actito.switches.rights = {"profiles": "read"}
    await client.read_by_key(mapping(), "A-77")
    with pytest.raises(CredentialError):
        await client.update(mapping(), "A-77", change(Newsletter=False), after_look=False)


async def test_every_call_is_what_it_should_be(
    actito: ActitoSimulator, client: ActitoClient
) -> None:
    """One token, one call for each thing, and nothing else."""
    await client.read_by_key(mapping(), "A-77")
    await client.update(mapping(), "A-77", change(Newsletter=False), after_look=True)
    calls = [(call.route, call.status) for call in actito.calls.select()]
    body = orjson.loads(actito.calls.select("profiles.put")[0].body)

    assert calls == [("token", 200), ("profiles.get", 200), ("profiles.put", 200)]
    assert set(body) == {"subscriptions", "dataCollectionInformation"}


async def test_a_profile_is_deleted_once(client: ActitoClient, actito: ActitoSimulator) -> None:
    """Deleting it again is no error; it is gone."""
    await client.read_by_key(mapping(), "B-88")
    await client.delete(mapping(), "A-77")
    await client.delete(mapping(), "A-77")

    assert isinstance(await client.read_by_key(mapping(), "A-77"), ProfileMissing)
    assert isinstance(await client.read_by_key(mapping(), "B-88"), ProfileReading)


async def test_a_deletion_that_is_hidden_is_no_deletion(
    client: ActitoClient, actito: ActitoSimulator
) -> None:
    """A 404 of a profile that can be read says that the right to delete is missing."""
    actito.faults.add(Fault(route="profiles.delete", status=404))

    with pytest.raises(CredentialError):
        await client.delete(mapping(), "A-77")
