"""`consent-sync webhooks`, against the simulated Actito."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import orjson
import pytest
from pydantic import JsonValue
from typer.testing import Result

from tests.cli.installation import SECRET, Installation, Platforms, platforms

OURS = "https://consent.example.com"
EVENTS = ["CREATE", "UPDATED_SUBSCRIPTION"]


def webhooks(
    place: Installation,
    monkeypatch: pytest.MonkeyPatch,
    before: Callable[[Platforms], object],
    *commands: Sequence[str],
    after: Callable[[Platforms], object] = lambda both: None,
) -> list[Result]:
    """Run commands one after the other while Actito is there, which was prepared before."""

    async def beside() -> list[Result]:
        async with platforms(place) as both:
            before(both)
            told = [
                await asyncio.to_thread(place.run, monkeypatch, "webhooks", *words)
                for words in commands
            ]
            after(both)
            return told

    return asyncio.run(beside())


def forget(both: Platforms) -> None:
    both.actito.webhooks.clear()


def register(both: Platforms, wrong: Mapping[str, JsonValue] | None = None) -> None:
    """Register what a mapping needs, changed by these fields."""
    forget(both)
    for event in EVENTS:
        fields: dict[str, JsonValue] = {"headers": {"X-Webhook-Secret": SECRET}, **(wrong or {})}
        url = fields.pop("url", OURS)
        both.actito.register_webhook(f"{url}/webhooks/actito/brand-a", event, **fields)


def test_what_is_there_is_good(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Webhooks that are active, lead to us and send our secret need nothing."""
    place.configure(PUBLIC_URL=OURS)
    [told] = webhooks(place, monkeypatch, register, ["check"])

    assert told.exit_code == 0
    assert "brand-a (brand-a.yaml): all webhooks are there and active" in told.stdout


def test_missing_ones_are_made(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts first; with --yes they are made with all that is needed, and no secret is printed."""
    place.configure(PUBLIC_URL=OURS)
    made: list[tuple[str, str, bool, dict[str, str]]] = []

    def look(both: Platforms) -> None:
        made.extend(
            (one.body.event_type, one.body.target_url, one.body.is_active, one.body.headers)
            for one in both.actito.webhooks
        )

    counted, done = webhooks(
        place, monkeypatch, forget, ["install"], ["install", "--yes"], after=look
    )

    target = f"{OURS}/webhooks/actito/brand-a"
    assert (counted.exit_code, done.exit_code) == (1, 0)
    assert "2 to make, 0 to repair" in counted.stdout
    assert "Actito posts to us." in done.stdout
    assert made == [(event, target, True, {"X-Webhook-Secret": SECRET}) for event in EVENTS]
    assert SECRET not in counted.stdout + done.stdout


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"isActive": False}, "is switched off"),
        ({"headers": {}}, "sends no X-Webhook-Secret"),
        ({"headers": {"X-Webhook-Secret": "another-secret"}}, "that is not ours"),
        ({"url": "https://old.example.com"}, "leads to https://old.example.com"),
    ],
)
def test_wrong_ones_are_repaired_in_place(
    place: Installation, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, JsonValue], words: str
) -> None:
    """The same webhooks are right afterwards; no second ones are made."""
    place.configure(PUBLIC_URL=OURS)
    left: list[int] = []
    told, done = webhooks(
        place,
        monkeypatch,
        lambda both: register(both, wrong),
        ["check"],
        ["install", "--yes"],
        after=lambda both: left.append(len(list(both.actito.webhooks))),
    )

    assert (told.exit_code, done.exit_code, left) == (1, 0, [2])
    assert words in told.stdout.replace("\n", " ")


def test_json_tells_what_to_repair(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each fault has its event and the number of the webhook, empty where one is missing."""
    [told] = webhooks(place, monkeypatch, forget, ["check", "--json"])
    [mapping] = orjson.loads(told.stdout)["mappings"]

    assert [(one["event"], one["id"]) for one in mapping["faults"]] == [(e, "") for e in EVENTS]


def test_without_our_address_nothing_is_made(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows where the webhooks should lead."""
    [told] = webhooks(place, monkeypatch, forget, ["install", "--yes"])

    assert told.exit_code == 78
    assert "CONSENT_SYNC_PUBLIC_URL is not set" in told.stderr


def test_without_a_secret_nothing_is_made(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A webhook without one would be refused at our own door."""
    place.configure(PUBLIC_URL=OURS, ACTITO_WEBHOOK_SECRETS="")
    [told] = webhooks(place, monkeypatch, forget, ["install", "--yes"])

    assert told.exit_code == 78
    assert "CONSENT_SYNC_ACTITO_WEBHOOK_SECRETS is not set" in told.stderr


def test_an_actito_that_is_away_is_told(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be asked is not taken for good."""
    told = place.run(monkeypatch, "webhooks", "check")

    assert told.exit_code == 1
    assert "Actito could not be asked" in told.stdout


def test_a_mapping_without_the_way_back_needs_none(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who wants no webhooks lacks none."""
    file = place.folder / "mappings" / "brand-a.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(f"enable_webhooks: false\n{text}", encoding="utf-8")
    told = place.run(monkeypatch, "webhooks", "check")

    assert (told.exit_code, told.stdout) == (0, "No mapping wants webhooks of Actito.\n")


def test_broken_files_are_told_first(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Webhooks are made from the files, so they have to be right."""
    (place.folder / "mappings" / "other.yaml").write_text("name: [", encoding="utf-8")
    told = place.run(monkeypatch, "webhooks", "check")

    assert told.exit_code == 78
    assert "see `validate`" in told.stderr
