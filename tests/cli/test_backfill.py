"""`backfill`: counts first, refusals with --yes, agreements only with leave, and nothing woken."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from consent_sync.adapters.clock import SystemClock
from consent_sync.adapters.storage.sqlite import SqliteStore
from tests.cli.installation import Installation, Platforms, at_rest, platforms, until

YES = {"channels": {"email": True}}
NO = {"channels": {"email": False}}
ANN, BEN, CEM, DAN = (f"{name}@example.com" for name in ("ann", "ben", "cem", "dan"))


async def four_people(place: Installation, both: Platforms) -> None:
    """Ann agreed in Didomi and is new to Actito's list; Ben refused; Cem is unknown; Dan refused there."""
    store = SqliteStore(place.database, SystemClock())
    await store.open()
    await store.close()
    both.actito.world.seed({"customerId": ANN})
    both.actito.world.seed({"customerId": BEN}, {"Newsletter": True})
    both.actito.world.seed({"customerId": DAN}, {"Newsletter": False})
    for name, choices in ((ANN, YES), (BEN, NO), (CEM, NO), (DAN, YES)):
        both.didomi.click(name, choices)


def held(both: Platforms, name: str) -> bool | None:
    return both.actito.world.subscriptions(f"customerId={name}").get("Newsletter")


def email(both: Platforms, name: str) -> bool | None:
    return both.didomi.world.users.of(name)[0].statuses["gdpr"].channels["email"].enabled


async def load(place: Installation, monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
    return await asyncio.to_thread(place.json, monkeypatch, "backfill", *words)


async def run(place: Installation, monkeypatch: pytest.MonkeyPatch, *words: str) -> Any:
    return await asyncio.to_thread(place.run, monkeypatch, "backfill", *words)


async def test_counts_come_first(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --yes nothing is handed to anybody; without leave nothing is raised."""
    async with platforms(place) as both:
        await four_people(place, both)
        told = await load(place, monkeypatch, "--from", "didomi")
        async with place.serving() as address:
            await at_rest(address, both)

        assert held(both, BEN) is True
    assert told == {
        "people": 4,
        "raised": 0,
        "lowered": 1,
        "created": 0,
        "held": 0,
        "unchanged": 2,
        "unknown": 1,
        "not_raised": 0,
        "handed": 0,
        "bad": 0,
        "bad_rows": [],
    }


async def test_without_leave_only_refusals_are_carried_over(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ben is unsubscribed, and nobody is subscribed."""
    async with platforms(place) as both:
        await four_people(place, both)
        told = await load(place, monkeypatch, "--from", "didomi", "--yes")
        async with place.serving() as address:
            await until(lambda: held(both, BEN) is False)
            await at_rest(address, both)

        assert (held(both, ANN), held(both, DAN)) == (None, False)
    assert (told["lowered"], told["handed"]) == (1, 1)


async def test_with_leave_agreements_wake_no_refusal(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ann is subscribed; Dan, whose refusal in Actito is of unknown age, is held for review."""
    place.configure(LATE_AFTER_SECONDS="0")
    words = ("--from", "didomi", "--may-raise")
    async with platforms(place) as both:
        await four_people(place, both)
        counted = await load(place, monkeypatch, *words)
        await load(place, monkeypatch, *words, "--yes")
        async with place.serving() as address:
            await until(lambda: held(both, ANN) is True)
            await until(lambda: held(both, BEN) is False)
            await at_rest(address, both)

        assert held(both, DAN) is False
    assert (counted["raised"], counted["lowered"], counted["held"]) == (1, 1, 1)


async def test_a_second_load_changes_nothing(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was loaded once is unchanged the second time."""
    words = ("--from", "didomi", "--may-raise")
    async with platforms(place) as both:
        await four_people(place, both)
        await load(place, monkeypatch, *words, "--yes")
        async with place.serving() as address:
            await until(lambda: held(both, ANN) is True)
            await until(lambda: held(both, BEN) is False)
            await at_rest(address, both)
        again = await load(place, monkeypatch, *words)

    assert (again["raised"], again["lowered"], again["created"], again["held"]) == (0, 0, 0, 0)


async def test_from_actito_only_refusals_are_loaded(
    place: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The file says whom to look at; what Actito holds now decides, so an old file wakes nobody."""
    export = tmp_path / "customers.csv"
    lines = [f"{name};true;" for name in (ANN, BEN, DAN, "eve@example.com")]
    export.write_text("\n".join(["customerId;Newsletter;DailyDeals", *lines]), encoding="utf-8")
    words = ("--from", "actito", "--actito-export", str(export))
    async with platforms(place) as both:
        await four_people(place, both)
        counted = await load(place, monkeypatch, *words)
        await load(place, monkeypatch, *words, "--yes")
        async with place.serving() as address:
            await until(lambda: email(both, DAN) is False)
            await at_rest(address, both)

        assert (held(both, DAN), email(both, BEN)) == (False, False)
        assert (email(both, ANN), held(both, ANN)) == (True, None)
    assert (counted["people"], counted["lowered"], counted["raised"]) == (4, 1, 0)
    assert counted["unknown"] == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--from", "actito"), "Actito has no list"),
        (("--from", "csv"), "belong together"),
        (("--from", "didomi", "--choices", "x.csv"), "belong together"),
        (("--from", "csv", "--choices", "x.csv", "--time-zone", "Mars/North"), "no time zone"),
        (
            ("--from", "csv", "--choices", "x.csv", "--yes-word", "ja", "--no-word", "JA"),
            "not both",
        ),
        (("--from", "didomi", "--actito-export", "x.csv"), "belongs to --from actito"),
        (("--from", "actito", "--actito-export", "x.csv", "--may-raise"), "can only lower"),
    ],
)
async def test_what_cannot_be_asked_is_wrong_usage(
    words: tuple[str, ...], says: str, place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said why, before anything is read."""
    result = await run(place, monkeypatch, *words)

    assert result.exit_code == 2
    assert says in result.stderr


SAMPLE = (Path(__file__).resolve().parents[2] / "docs/samples/choices.csv").read_text("utf-8")


async def test_a_file_of_choices_is_counted_and_loaded(
    place: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The sample of the documentation: refusals are carried to both sides, one row is no good."""
    file = tmp_path / "choices.csv"
    file.write_text(SAMPLE + "".join(f"p{n};;perhaps;\n" for n in range(20)), encoding="utf-8")
    words = ("--from", "csv", "--choices", str(file), "--time-zone", "Europe/Brussels")
    async with platforms(place) as both:
        await four_people(place, both)
        counted = await load(place, monkeypatch, *words)
        shown = await run(place, monkeypatch, *words, "--may-raise")
        await run(place, monkeypatch, *words, "--yes")
        async with place.serving() as address:
            await until(lambda: held(both, BEN) is False)
            await at_rest(address, both)

    assert (
        counted["bad_rows"][0]
        == "line 6, column Newsletter: expected a word for yes or no, or nothing"
    )
    assert (counted["people"], counted["bad"], counted["raised"], counted["lowered"]) == (
        4,
        21,
        0,
        4,
    )
    assert shown.exit_code == 1
    assert "21 rows left out" in shown.stdout
    assert "and 1 more" in shown.stdout


async def test_a_file_is_loaded_through_a_server(
    place: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Agreements are carried to both sides where nobody refused; strange columns are named."""
    place.configure(API_TOKENS=f"olga:admin:{'t' * 40}")
    file = tmp_path / "choices.csv"
    file.write_text(
        f"person,Newsletter,DailyDeals,at,shoe\n{ANN},ja,no,2025-03-01T10:00:00Z,\n", "utf-8"
    )
    words = ("--from", "csv", "--choices", str(file), "--may-raise", "--yes", "--yes-word", "Ja")
    async with platforms(place) as both:
        await four_people(place, both)
        async with place.serving() as address:
            place.configure(LISTEN=address.removeprefix("http://"))
            shown = await run(place, monkeypatch, *words)
            await until(lambda: held(both, ANN) is True)

    assert shown.exit_code == 0, shown.output
    assert "columns that mean nothing here: shoe" in shown.stderr
    assert "1 person handed" in shown.stdout
