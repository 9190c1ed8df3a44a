"""`consent-sync validate --online`, against simulated platforms."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.installation import MAPPING, Installation, Platforms, platforms

Change = Callable[[Platforms], None]


def nothing(_: Platforms) -> None:
    """Leave the platforms as they are."""


def ask(
    place: Installation,
    monkeypatch: pytest.MonkeyPatch,
    text: str = MAPPING,
    change: Change = nothing,
) -> Any:
    """Return what is told about a mapping file beside running platforms."""
    (place.folder / "mappings" / "brand-a.yaml").write_text(text, encoding="utf-8")

    async def beside() -> Any:
        async with platforms(place) as both:
            change(both)
            return await asyncio.to_thread(place.json, monkeypatch, "validate", "--online")

    return asyncio.run(beside())


def told(found: Any, what: str = "problems") -> list[tuple[str, int, int, str | None]]:
    return [(one["code"], one["line"], one["column"], one["nearest"]) for one in found[what]]


def test_file_that_fits_both_platforms_has_nothing_to_say(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Table, key, subscriptions, places and regulations are all there."""
    found = ask(place, monkeypatch)

    assert (found["problems"], found["warnings"]) == ([], [])


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("Customers", "Custommers", ("mapping-no-table", 4, 39, "Customers")),
        ("customerId", "custommerId", ("mapping-key-attribute", 4, 67, "customerId")),
        ("user_unique_key: customerId", "user_unique_key: lastName", ("mapping-key-attribute", 4, 67, None)),
        ("DailyDeals", "DailyDeal", ("mapping-no-subscription", 8, 9, "DailyDeals")),
        ("purpose: marketing", "purpose: marketng", ("mapping-no-place", 9, 22, "marketing")),
        (
            "purpose: marketing",
            "purpose: marketing, preference: topic, option: sport",
            ("mapping-no-place", 9, 45, "topics"),
        ),
        (
            "purpose: marketing",
            "purpose: marketing, preference: topics, option: sprot",
            ("mapping-no-place", 9, 61, "sport"),
        ),
    ],
)  # fmt: skip
def test_what_does_not_exist_is_told_with_its_place(
    place: Installation,
    monkeypatch: pytest.MonkeyPatch,
    old: str,
    new: str,
    expected: tuple[str, int, int, str | None],
) -> None:
    """The file, the line, the column, and the word that was probably meant."""
    found = ask(place, monkeypatch, MAPPING.replace(old, new))

    assert told(found) == [expected]
    assert found["valid"] is False


def test_regulation_that_didomi_does_not_list_is_only_odd(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Didomi's list is open, so a regulation may be newer than it."""
    found = ask(place, monkeypatch, MAPPING.replace("[gdpr]", "[gdpr, cpa]"))

    assert told(found, "warnings") == [("mapping-no-regulation", 3, 53, "cpra")]


def test_attribute_that_the_table_lacks_is_only_odd(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value for it is left out, and consents are not held up."""
    text = MAPPING + "attributes: {rename: {tier: loyalityTier}}\n"
    found = ask(place, monkeypatch, text)

    assert told(found, "warnings") == [("mapping-no-attribute", 10, 29, "loyaltyTier")]


def test_side_that_cannot_be_asked_is_a_problem(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who asked for a look must not take silence for approval."""
    place.configure(DIDOMI_API_SECRET="not-the-secret", ACTITO_API_KEY="not-the-key")
    found = ask(place, monkeypatch)

    assert [one[0] for one in told(found)] == ["mapping-not-asked", "mapping-not-asked"]


def test_lists_that_a_platform_keeps_for_itself_are_told(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody lists cannot be checked, and is not called wrong."""

    def silent(both: Platforms) -> None:
        both.actito.switches.change({"structure_subscriptions": "absent"})

    found = ask(place, monkeypatch, change=silent)

    assert [one[0] for one in told(found, "warnings")] == ["mapping-not-listed"]


def test_several_files_ask_each_platform_once(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two mappings of one organisation and one entity cost as much as one."""
    second = MAPPING.replace("brand-a", "brand-b").replace("Customers", "Readers")
    (place.folder / "mappings" / "brand-b.yaml").write_text(second, encoding="utf-8")
    calls: list[int] = []

    async def beside() -> Any:
        async with platforms(place) as both:
            found = await asyncio.to_thread(place.json, monkeypatch, "validate", "--online")
            calls.append(len(both.didomi.calls.select("metadata.purposes")))
            return found

    found = asyncio.run(beside())

    assert told(found) == [("mapping-no-table", 4, 39, None)]
    assert calls == [1]


def test_online_without_settings_is_wrong_configuration(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at the platforms needs to know where they are; the check of the files alone does not."""
    place.configure(ACTITO_API_URL="")

    assert place.run(monkeypatch, "validate").exit_code == 0
    assert place.run(monkeypatch, "validate", "--online").exit_code == 78
