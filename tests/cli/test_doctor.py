"""`consent-sync doctor`, against simulated platforms."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from consent_sync.adapters.clock import SystemClock
from consent_sync.cli.doctor import clocks
from consent_sync.simulators.actito import default_world
from tests.cli.installation import (
    MAPPING,
    SECRET,
    Installation,
    Platforms,
    connect,
    platforms,
)

Change = Callable[[Platforms], None]


def nothing(_: Platforms) -> None:
    """Leave the platforms as they are."""


def examine(
    place: Installation, monkeypatch: pytest.MonkeyPatch, change: Change = nothing
) -> dict[str, Any]:
    """Return what the doctor finds beside connected platforms, changed by the test."""

    async def beside() -> Any:
        async with platforms(place) as both:
            connect(both, "http://consent.example.com")
            change(both)
            return await asyncio.to_thread(place.json, monkeypatch, "doctor")

    found: dict[str, Any] = asyncio.run(beside())
    return found


def failed(told: dict[str, Any]) -> list[str]:
    return [one["said"] for one in told["findings"] if one["state"] == "fail"]


def warned(told: dict[str, Any]) -> list[str]:
    return [one["said"] for one in told["findings"] if one["state"] == "warn"]


def test_a_sound_installation_has_no_failure(
    filled: Installation, place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is looked at: settings, files, database, clocks, and both platforms."""
    place.database.write_bytes(filled.database.read_bytes())
    place.database.chmod(0o600)
    told = examine(place, monkeypatch)

    assert failed(told) == []
    assert {one["what"] for one in told["findings"]} == {
        *("settings", "secrets", "mapping", "database", "disk"),
        *("clock, Didomi", "clock, Actito", "Didomi, brand-a", "Actito, brand-a"),
    }


def test_settings_that_do_not_allow_a_start_end_it(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every wrong setting is a finding, and nothing else is looked at."""
    place.configure(LISTEN="nowhere")
    result = place.run(monkeypatch, "doctor")

    assert result.exit_code == 1
    assert "fail  settings: CONSENT_SYNC_LISTEN" in result.stdout
    assert "1 finding: 1 failed, 0 warnings" in result.stdout


def test_missing_secrets_are_found(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A side that would refuse every webhook, or cannot be called, is told with what to set."""
    place.configure(
        ACTITO_WEBHOOK_SECRETS="",
        DIDOMI_WEBHOOK_SECRETS="",
        ACTITO_API_KEY="",
        DIDOMI_API_KEY="",
        DIDOMI_API_SECRET="",
    )
    told = examine(place, monkeypatch)
    todo = {one["do"] for one in told["findings"] if one["what"] == "secrets"}

    assert todo >= {
        "set CONSENT_SYNC_ACTITO_WEBHOOK_SECRETS",
        "set CONSENT_SYNC_DIDOMI_WEBHOOK_SECRETS",
        "set CONSENT_SYNC_ACTITO_API_KEY",
    }


def test_a_trial_without_secrets_only_warns(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where anybody may send on purpose, that is a warning."""
    place.configure(ACTITO_WEBHOOK_SECRETS="", ALLOW_UNAUTHENTICATED="true")
    told = examine(place, monkeypatch)

    assert failed(told) == []
    assert any("anybody may send webhooks" in said for said in warned(told))


def test_a_bad_mapping_file_is_found(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that validate would refuse is a failure here too."""
    (place.folder / "mappings" / "bad.yaml").write_text("name: [", encoding="utf-8")

    assert any("bad.yaml" in said for said in failed(examine(place, monkeypatch)))


def test_a_database_that_others_may_read_is_found(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is no database, and loose permissions, are told."""
    place.database.write_bytes(b"not a database, " * 100)
    place.database.chmod(0o644)
    told = examine(place, monkeypatch)

    assert any("not a SQLite database" in said for said in failed(told))
    assert any("others on this machine may read" in said for said in warned(told))


def test_a_database_in_memory_is_a_warning(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is forgotten at the stop is for trials."""
    place.configure(DATABASE_URL="sqlite:///:memory:")

    assert any("forgotten at the stop" in said for said in warned(examine(place, monkeypatch)))


@pytest.mark.parametrize(("free", "state"), [(10, "fail"), (500 * 1024**2, "warn")])
def test_a_full_disk_is_found(
    free: int, state: str, place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Little room is a warning, no room a failure."""
    usage = type("Usage", (), {"free": free})
    monkeypatch.setattr("consent_sync.cli.doctor.machine.shutil.disk_usage", lambda _: usage)
    told = examine(place, monkeypatch)

    assert [one["state"] for one in told["findings"] if one["what"] == "disk"] == [state]


def test_clocks_that_disagree_are_found(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock more than the tolerance away from a platform's is a warning."""
    now = SystemClock().now()
    monkeypatch.setattr("consent_sync.adapters.clock.SystemClock.now", lambda _: now - 60_000_000)
    told = examine(place, monkeypatch)
    found = [one["state"] for one in told["findings"] if one["what"].startswith("clock")]

    assert found == ["warn", "warn"]


@pytest.mark.parametrize(
    ("told", "before", "after", "apart"),
    [
        (10_000_000, 10_200_000, 10_300_000, 0),
        (10_000_000, 13_000_000, 13_100_000, 2_000_000),
        (10_000_000, 6_900_000, 7_000_000, 3_000_000),
    ],
)
def test_a_date_of_whole_seconds_is_compared_carefully(
    told: int, before: int, after: int, apart: int
) -> None:
    """A header leaves out parts of a second, and an answer takes time: both count for us."""
    assert clocks._apart(told, before, after) == apart


def test_platforms_that_are_away_are_found(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address that nobody answers at is told for each platform."""
    told = place.json(monkeypatch, "doctor")
    what = {one["what"] for one in told["findings"] if one["state"] == "fail"}

    assert what == {"clock, Didomi", "clock, Actito", "Didomi, brand-a", "Actito, brand-a"}


def test_a_wrong_key_is_found(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials that a platform refuses are told."""
    place.configure(DIDOMI_API_SECRET="another-secret-than-theirs", ACTITO_API_KEY="WRONG")

    assert len(failed(examine(place, monkeypatch))) == 2


def test_what_the_mapping_names_must_exist(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A purpose, preference, value or subscription that is not there is told with the nearest."""
    lines = """
  - id: SportNewz
    value: {purpose: marketing, preference: topics, option: sports}
  - id: SmsDeals
    value: {purpose: marketin}
  - id: PartnerMail
    value: {purpose: partners, preference: topicz, option: news}
"""
    file = place.folder / "mappings" / "brand-a.yaml"
    file.write_text(MAPPING.rstrip() + lines, encoding="utf-8")
    said = failed(examine(place, monkeypatch))

    assert said == [
        "SportNewz names the value `sports`, which Didomi does not have; did you mean `sport`?",
        "SmsDeals names the purpose `marketin`, which Didomi does not have; did you mean `marketing`?",
        "PartnerMail names the preference `topicz`, which Didomi does not have; did you mean `topics`?",
        "SportNewz names the subscription `SportNewz`, which Actito does not have; did you mean `SportNews`?",
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("customerId", "customerID", "no attribute 'customerID'; did you mean 'customerId'?"),
        ("customerId", "brand", "'brand' is not unique"),
        ("Customers", "Clients", "'Clients' is not to be seen"),
        ("entity_id: acme", "entity_id: other", "does not see the entity 'other'"),
    ],
)
def test_the_table_must_fit(
    old: str, new: str, said: str, place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entity, table and unique key must be there as the mapping says."""
    file = place.folder / "mappings" / "brand-a.yaml"
    file.write_text(MAPPING.replace(old, new), encoding="utf-8")

    assert any(said in one for one in failed(examine(place, monkeypatch)))


def test_mandatory_attributes_stand_in_the_way_of_creating(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With upsert mode, what nobody can fill is a failure, and what metadata may fill a warning."""
    rules = "upsert_mode: true\nattributes: {allow: [tier], rename: {tier: loyaltyTier}}\n"
    file = place.folder / "mappings" / "brand-a.yaml"
    file.write_text(MAPPING + rules, encoding="utf-8")
    mandatory = ("loyaltyTier", "lastName")
    told = examine(
        place,
        monkeypatch,
        lambda both: both.actito.switches.change({"mandatory_attributes": mandatory}),
    )

    assert any("'lastName' is mandatory and no metadata fills it" in one for one in failed(told))
    assert any("'loyaltyTier' can be created" in one for one in warned(told))


def test_what_actito_does_not_list_is_not_judged(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Subscriptions that the structure leaves out could not be checked, which is no failure."""
    told = examine(
        place,
        monkeypatch,
        lambda both: both.actito.switches.change({"structure_subscriptions": "absent"}),
    )

    assert failed(told) == []
    assert any(one.startswith("subscriptions could not be checked") for one in warned(told))


def forget_webhooks(both: Platforms) -> None:
    """Remove every webhook of both platforms."""
    both.actito.webhooks.clear()
    both.didomi.sender.connections.clear()


def test_missing_webhooks_are_found(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a webhook nothing is ever heard, so each missing one is a failure."""
    said = failed(examine(place, monkeypatch, forget_webhooks))

    assert said == [
        "none of its 0 webhooks ends in /webhooks/didomi",
        "no webhook for CREATE on this table ends in /webhooks/actito/brand-a",
        "no webhook for UPDATED_SUBSCRIPTION on this table ends in /webhooks/actito/brand-a",
    ]


def register_badly(both: Platforms) -> None:
    """Register one webhook that is off and one that leaves out a subscription and the secret."""
    forget_webhooks(both)
    target = "http://consent.example.com/webhooks/actito/brand-a"
    both.didomi.connect_webhook("http://consent.example.com/webhooks/didomi")
    both.actito.register_webhook(target, "CREATE", isActive=False)
    both.actito.register_webhook(
        target,
        "UPDATED_SUBSCRIPTION",
        onFields=["DailyDeals"],
        headers={"X-Webhook-Secret": SECRET},
    )


def test_webhooks_that_bring_nothing_are_found(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A webhook that is off, or that leaves out a mapped subscription, is a failure."""
    assert failed(examine(place, monkeypatch, register_badly)) == [
        "the webhook for CREATE is switched off and sends no X-Webhook-Secret, so it is refused",
        "the webhook for UPDATED_SUBSCRIPTION leaves out Newsletter",
    ]


def test_a_webhook_without_the_secret_is_found(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would be refused at our door is told before it happens."""

    def bare(both: Platforms) -> None:
        both.actito.webhooks.clear()
        for event in ("CREATE", "UPDATED_SUBSCRIPTION"):
            both.actito.register_webhook("http://c.example.com/webhooks/actito/brand-a", event)

    said = failed(examine(place, monkeypatch, bare))

    assert len(said) == 2
    assert "sends no X-Webhook-Secret" in said[0]


def test_the_default_world_fits_the_shipped_mapping() -> None:
    """The simulated table has every subscription that the example names."""
    [table] = default_world().entities[0].tables

    assert table.subscriptions == [
        *("Newsletter", "DailyDeals", "SportNews", "SmsDeals", "PartnerMail")
    ]
