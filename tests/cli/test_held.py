"""`held`: what waits for a person's word, counted first, decided here or through the server."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.installation import ADA, Installation, at_rest, connect, platforms

KEY = f"customerId={ADA}"

Act = Callable[[Installation], Any]
Told = tuple[Any, bool | None, bool | None]


def after_holding(place: Installation, act: Act, *, serving: bool = True) -> Told:
    """Let Ada's old yes be held beside a no in Actito, act, and return what both sides then hold."""

    async def story() -> Told:
        told: Any = None
        old = datetime.now(UTC) - timedelta(minutes=20)
        async with platforms(place) as both:
            both.actito.world.seed({"customerId": ADA}, {"Newsletter": False})
            async with place.serving() as address:
                place.configure(LISTEN=address.removeprefix("http://"))
                connect(both, address)
                both.didomi.click(ADA, {"channels": {"email": True}}, at=old)
                await at_rest(address, both)
                if serving:
                    told = await asyncio.to_thread(act, place)
                    await at_rest(address, both)
            if not serving:
                told = await asyncio.to_thread(act, place)
                place.configure(LISTEN="127.0.0.1:0")
                async with place.serving() as address:
                    connect(both, address)
                    await at_rest(address, both)
            user = both.didomi.world.users.of(ADA)[0]
            email = user.statuses["gdpr"].channels["email"].enabled
            return told, email, both.actito.world.subscriptions(KEY).get("Newsletter")

    return asyncio.run(story())


@pytest.fixture
def own(tmp_path: Path) -> Installation:
    """An installation that a test may change."""
    return Installation(tmp_path)


def test_what_is_held_is_listed_with_why(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Person, line, side and reason stand in the list, and nothing changes by looking."""
    told, email, newsletter = after_holding(
        own, lambda place: place.json(monkeypatch, "held", "list")
    )

    assert (email, newsletter) == (True, False)
    assert told["total"] == 1
    assert {key: told["lines"][0][key] for key in ("person", "line", "side", "verdict")} == {
        "person": ADA,
        "line": "Newsletter",
        "side": "actito",
        "verdict": "held_review",
    }


def test_one_person_is_shown_with_both_sides(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What both sides hold and last said is what a decision rests on."""
    told, *_ = after_holding(own, lambda place: place.run(monkeypatch, "held", "show", ADA).stdout)

    assert "Didomi: yes" in told
    assert "Actito: no" in told
    assert "Not carried over to Actito: a late agreement" in told


def test_without_yes_only_the_counts_are_shown(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is decided before somebody says --yes."""
    told, email, newsletter = after_holding(
        own, lambda place: place.run(monkeypatch, "held", "approve", "--all").stdout
    )

    assert "1 line of 1 people." in told
    assert "Nothing was done. Say --yes to do it." in told
    assert (email, newsletter) == (True, False)


@pytest.mark.parametrize("serving", [True, False])
@pytest.mark.parametrize(("word", "outcome"), [("approve", True), ("reject", False)])
def test_a_word_settles_it_on_both_sides(
    word: str, outcome: bool, serving: bool, own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the running service, or in the database for its next start: both sides agree then."""

    def act(place: Installation) -> Any:
        return place.json(monkeypatch, "held", word, "--person", ADA, "--yes")

    told, email, newsletter = after_holding(own, act, serving=serving)

    assert told == {"held": 1, "persons": 1, "taken": 1, "changed": 0}
    assert (email, newsletter) == (outcome, outcome)
    assert own.json(monkeypatch, "held", "list")["total"] == 0
    lines = own.json(monkeypatch, "explain", ADA)["mappings"][0]["lines"]
    assert lines[0]["word"].startswith(f"{'approved' if outcome else 'rejected'} by local, ")


@pytest.mark.parametrize(
    "choice",
    [
        ("--mapping", "brand-a"),
        ("--line", "Newsletter", "--since", "1h"),
        ("--until", "10min", "--since", "2h"),
    ],
)
def test_it_is_chosen_by_mapping_line_or_window(
    choice: tuple[str, ...], own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each way of choosing finds the line."""
    told, *_ = after_holding(own, lambda place: place.json(monkeypatch, "held", "approve", *choice))

    assert told["held"] == 1


def test_what_does_not_fit_is_left_alone(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another line, another window, another person: nothing of them is decided."""

    def act(place: Installation) -> list[int]:
        wishes = [
            ("--line", "DailyDeals", "--conflicts"),
            ("--since", "5min"),
            ("--person", "ben@example.com"),
        ]
        return [place.json(monkeypatch, "held", "list", *wish)["total"] for wish in wishes]

    told, *_ = after_holding(own, act)

    assert told == [0, 0, 0]


def test_everything_must_be_said(own: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decision without any choice is a slip, not a decision about everybody."""
    result = own.run(monkeypatch, "held", "approve", "--yes")

    assert result.exit_code == 2
    assert "--all" in result.stderr


def test_several_profiles_of_one_person_are_named(
    own: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever decides must know who they are; one word settles both profiles."""
    spelled = "Ada@Example.com"
    file = own.folder / "mappings" / "brand-a.yaml"
    file.write_text(f"{file.read_text()}identity: {{normalise: lower}}\n", encoding="utf-8")

    async def story() -> tuple[Any, str, Any, list[bool]]:
        async with platforms(own) as both:
            world = both.actito.world
            for key in (ADA, spelled):
                world.seed({"customerId": key}, {"Newsletter": False})
            async with own.serving() as address:
                own.configure(LISTEN=address.removeprefix("http://"))
                connect(both, address)
                both.didomi.click(spelled, {"channels": {"email": True}})
                await at_rest(address, both)
                shown = await asyncio.to_thread(own.json, monkeypatch, "held", "show", ADA)
                told = await asyncio.to_thread(own.run, monkeypatch, "held", "show", ADA)
                decided = await asyncio.to_thread(
                    own.json, monkeypatch, "held", "approve", "--person", ADA, "--yes"
                )
                await at_rest(address, both)
            held = [
                world.subscriptions(f"customerId={key}")["Newsletter"] for key in (ADA, spelled)
            ]
            return shown, told.stdout, decided, held

    [shown], told, decided, held = asyncio.run(story())
    keys = {one["actito_key"] for one in shown["profiles"]}

    assert (shown["verdict"], keys) == ("ambiguous_person", {ADA, spelled})
    assert all(one["profile_id"] in told for one in shown["profiles"])
    assert decided["taken"] == 1
    assert held == [True, True]
