"""Two mappings of one Didomi organisation, each with a table, rules and an account of its own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from consent_sync.simulators.actito import DEFAULT_API_KEY
from consent_sync.simulators.actito.structure import Attribute, EntitySpec, TableSpec, WorldSpec
from tests.system.harness import ACTITO_SECRET, AT_ACTITO, MAPPING, Person, Town, town, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEMBERS = """\
name: brand-b
contact: privacy@example.com
didomi: {organization_id: acme, regulations: [gdpr, cpra]}
actito: {entity_id: acme, table_name: Members, user_unique_key: memberId}
upsert_mode: true
mappings:
  - id: Letter
    value: {channel: email}
  - id: NoAds
    value: {purpose: analytics}
    inverted: true
  - id: OneWay
    value: {purpose: partners}
    sync: to-actito
attributes:
  allow: [tier, city]
  rename: {tier: level}
identity: {normalise: lower}
"""

STRICT = """\
name: brand-c
contact: privacy@example.com
account: brand-c
didomi: {organization_id: acme, regulations: [gdpr]}
actito: {entity_id: acme, table_name: Guests, user_unique_key: guestId}
upsert_mode: true
create_for: granted
enable_webhooks: false
mappings:
  - id: Letter
    value: {channel: email}
"""

BRAND_C_KEY = "ANOTHERKEY00ANOTHERKEY00AN"
BRAND_C_SECRET = "brand-c-hook-secret-of-forty-characters-1"


def world() -> WorldSpec:
    def table(number: str, name: str, key: str, *, names: list[str], needs: str = "") -> TableSpec:
        attributes = [Attribute(name=key, unique=True), Attribute(name="level")]
        if needs:
            attributes.append(Attribute(name=needs, mandatory=True))
        return TableSpec(id=number, name=name, attributes=attributes, subscriptions=names)

    lines = ["Newsletter", "DailyDeals", "SportNews", "SmsDeals", "PartnerMail"]
    tables = [
        table("21", "Customers", "customerId", names=lines),
        table("22", "Members", "memberId", names=["Letter", "NoAds", "OneWay"]),
        table("23", "Guests", "guestId", names=["Letter"], needs="city"),
    ]
    return WorldSpec(entities=[EntitySpec(name="acme", tables=tables)])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Serve three mappings of one organisation."""
    async with town(
        tmp_path_factory.mktemp("town"),
        mappings={"brand-a": MAPPING, "brand-b": MEMBERS, "brand-c": STRICT},
        world=world().model_dump(),
        actito_keys=(DEFAULT_API_KEY, BRAND_C_KEY),
        variables={
            "BRAND_C_ACTITO_API_KEY": BRAND_C_KEY,
            "BRAND_C_ACTITO_WEBHOOK_SECRETS": BRAND_C_SECRET,
        },
    ) as place:
        place.actito.register_webhook(
            f"{place.service.address}/webhooks/actito/brand-b",
            "UPDATED_SUBSCRIPTION",
            onElementId="22",
            headers={"X-Webhook-Secret": ACTITO_SECRET},
        )
        yield place
        assert place.leaks(place.service.output(), [BRAND_C_KEY, BRAND_C_SECRET]) == []


def members(place: Town, key: str) -> dict[str, bool]:
    return place.actito.world.subscriptions(f"memberId={key}", table="Members")


def exists(place: Town, table: str, key: str) -> bool:
    home = place.actito.world.pick(table=table)
    return any(key in map(str, profile.attributes.values()) for profile in home)


async def test_one_choice_reaches_every_brand(place: Town) -> None:
    """Each mapping writes its own table under its own names; only one with upsert creates."""
    ada = place.person("ada", Newsletter=True)

    place.didomi.click(ada.ouid, {"channels": {"email": False}, "purposes": {"analytics": True}})
    await until("brand-b has a profile", lambda: exists(place, "Members", ada.ouid))
    await place.quiet()

    assert place.in_actito(ada, "Newsletter") is False
    assert members(place, ada.ouid) == {"Letter": False, "NoAds": False}


async def test_choice_of_one_brand_travels_through_didomi_to_the_other(place: Town) -> None:
    """An unsubscription in one table reaches Didomi, and through it the other table."""
    bo = place.person("bo", Newsletter=True)
    place.didomi.click(bo.ouid, {"channels": {"email": True}})
    await until("brand-b has a profile", lambda: exists(place, "Members", bo.ouid))
    await place.quiet()

    place.actito.people.unsubscribe(f"memberId={bo.ouid}", "Letter", table="Members")
    await until("Didomi holds it", lambda: place.in_didomi(bo, "Newsletter") is False)
    await place.quiet()

    # Our own event is silent for integrations, so the other brand hears of it from Didomi only
    # where the platform tells all; here it is told by hand.
    event = place.didomi.world.events_of(ouid=bo.ouid)[-1]
    shown = place.didomi.world.display().event(event)
    told = {"type": "event.created", "regulation": "gdpr", "parameters": {"entity": shown}}
    assert (await place.didomi_says(told)).status == 200
    await place.agree_in_actito(bo, "Newsletter", False)


async def test_spellings_come_together_where_the_mapping_says_so(place: Town) -> None:
    """With `normalise: lower` another spelling is the same person; without it another person."""
    profile = place.actito.world.seed({"memberId": "cleo@example.com"}, table="Members")
    place.user("Cleo@Example.com")
    place.people["cleo"] = Person("Cleo@Example.com")

    place.didomi.click("Cleo@Example.com", {"channels": {"email": False}})
    await until("it is written", lambda: members(place, "cleo@example.com") == {"Letter": False})
    await place.quiet()

    assert len([one for one in place.actito.world.pick(table="Members") if one is profile]) == 1
    assert not exists(place, "Members", "Cleo@Example.com")


async def test_metadata_is_allowed_and_renamed(place: Town) -> None:
    """Only what the mapping allows arrives, under the name that it gives."""
    place.user("dirk@example.com")
    place.people["dirk"] = Person("dirk@example.com")

    place.didomi.click(
        "dirk@example.com",
        {"channels": {"email": True}},
        user_metadata={"tier": "gold", "shoeSize": "44"},
    )
    await until("brand-b has a profile", lambda: exists(place, "Members", "dirk@example.com"))
    await place.quiet()

    held = place.actito.world.profile("memberId=dirk@example.com", table="Members").attributes
    assert held == {"memberId": "dirk@example.com", "level": "gold"}


async def test_creation_that_lacks_a_mandatory_attribute_waits(place: Town) -> None:
    """A table that wants an attribute nobody told gets no profile, and the timeline says why."""
    place.user("eva@example.com")
    eva = Person("eva@example.com")
    place.people["eva"] = eva

    place.didomi.click(eva.ouid, {"channels": {"email": True}})
    await until("brand-b has a profile", lambda: exists(place, "Members", eva.ouid))
    await place.quiet()

    assert not exists(place, "Guests", eva.ouid)
    found = [one for one in await place.timeline(eva) if one["mapping"] == "brand-c"]
    assert "no_profile" in {one["verdict"] for one in found}
    assert "city" in " ".join(one["reason"] for one in found)


async def test_refusal_alone_creates_nobody_where_the_mapping_says_so(place: Town) -> None:
    """With `create_for: granted` a no creates no profile; with `any` it does."""
    place.user("finn@example.com")
    place.people["finn"] = Person("finn@example.com")

    place.didomi.click(
        "finn@example.com", {"channels": {"email": False}}, user_metadata={"city": "Ghent"}
    )
    await until("brand-b has a profile", lambda: exists(place, "Members", "finn@example.com"))
    await place.quiet()

    assert not exists(place, "Guests", "finn@example.com")

    place.didomi.click("finn@example.com", {"channels": {"email": True}})
    await until("brand-c has a profile", lambda: exists(place, "Guests", "finn@example.com"))
    await place.quiet()


async def test_accounts_have_secrets_of_their_own(place: Town) -> None:
    """The webhook of a mapping with an account opens with that account's secret, and no other."""
    accepted = {"data": {"profileId": "1"}}

    wrong = await place.actito_says(accepted, path="/webhooks/actito/brand-c")
    right = await place.actito_says(
        accepted,
        {**AT_ACTITO, "X-Webhook-Secret": BRAND_C_SECRET},
        path="/webhooks/actito/brand-c",
    )
    other = await place.actito_says(
        accepted,
        {**AT_ACTITO, "X-Webhook-Secret": BRAND_C_SECRET},
        path="/webhooks/actito/brand-a",
    )

    assert (wrong.status, right.status, other.status) == (401, 200, 401)


async def test_firewall_between_regulations(place: Town) -> None:
    """A CPRA choice counts where the mapping takes it, and nowhere else."""
    place.didomi.turn(multi_regulation=True)
    gerda = place.person("gerda", Newsletter=True)

    place.didomi.click(gerda.ouid, {"channels": {"email": False}}, regulation="cpra")
    await until("brand-b has a profile", lambda: exists(place, "Members", gerda.ouid))
    await place.quiet()

    assert members(place, gerda.ouid) == {"Letter": False}
    assert place.in_actito(gerda, "Newsletter") is True
