"""`consent-sync discover`, against simulated platforms."""

import asyncio
from typing import Any

import pytest
from typer.testing import Result

from tests.cli.installation import MAPPING, Installation, platforms

OLD = """\
  - id: Morning
    value: {purpose: marketng}
"""


def discover(
    place: Installation, monkeypatch: pytest.MonkeyPatch, *words: str, text: str = MAPPING
) -> Result:
    file = place.folder / "mappings" / "brand-a.yaml"
    if not words or not file.read_text(encoding="utf-8").count("Found on"):
        file.write_text(text, encoding="utf-8")

    async def beside() -> Result:
        async with platforms(place):
            return await asyncio.to_thread(place.run, monkeypatch, "discover", *words)

    return asyncio.run(beside())


def test_newcomers_are_shown_with_stubs(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can be subscribed to and agreed to, and is in no mapping, is told ready to paste."""
    result = discover(place, monkeypatch)

    assert result.exit_code == 1
    assert "    - id: SportNews\n      value:   # which place in Didomi?" in result.stdout
    assert "      value: {purpose: analytics}\n" in result.stdout
    assert "Newsletter" not in result.stdout


def test_vanished_ones_are_told_with_their_line(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rename is a removal and an addition; the likely new name is told."""
    result = discover(place, monkeypatch, text=MAPPING + OLD)

    assert result.exit_code == 1
    assert "brand-a.yaml:10: Morning: the subscription `Morning`, which Actito" in result.stdout
    assert "the purpose `marketng`, which Didomi does not have; did you mean marketing?" in (
        result.stdout
    )


def test_stubs_are_written_once(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file keeps its meaning, and a second run has nothing to add."""
    file = place.folder / "mappings" / "brand-a.yaml"
    first = discover(place, monkeypatch, "--write")
    text = file.read_text(encoding="utf-8")
    second = discover(place, monkeypatch, "--write")

    assert f"written: {file}" in first.stdout.replace("\n", "")
    assert text.startswith(MAPPING)
    assert "  # - id: SportNews\n" in text
    assert "written" not in second.stdout
    assert file.read_text(encoding="utf-8") == text


def test_json_holds_everything(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other programs get the same in a fixed form."""

    async def beside() -> Any:
        async with platforms(place):
            return await asyncio.to_thread(place.json, monkeypatch, "discover")

    (told,) = asyncio.run(beside())["mappings"]

    assert told["new_subscriptions"] == ["PartnerMail", "SmsDeals", "SportNews"]
    assert {"purpose": "newsletter"} in told["new_places"]
    assert (told["vanished"], told["unasked"]) == ([], {})


def test_everything_mapped_is_nothing_to_tell(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit code is 0 when both platforms hold what the files hold."""
    lines = [
        *(("SportNews", "{purpose: newsletter}"), ("SmsDeals", "{purpose: partners}")),
        *(("PartnerMail", "{purpose: analytics}"),),
    ]
    text = MAPPING + "".join(f"  - {{id: {name}, value: {place_}}}\n" for name, place_ in lines)
    for option in ("sport", "news", "culture"):
        where = f"{{purpose: marketing, preference: topics, option: {option}}}"
        text += f"  - {{id: T-{option}, value: {where}, sync: off}}\n"
    where = "{purpose: marketing, preference: deals, channel: sms}"
    text += f"  - {{id: T-deals, value: {where}, sync: off}}\n"
    result = discover(place, monkeypatch, text=text)

    assert "nothing new" in result.stdout


def test_side_that_cannot_be_asked_is_told(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence is not taken for nothing new."""
    place.configure(DIDOMI_API_SECRET="not-the-secret")
    result = discover(place, monkeypatch)

    assert result.exit_code == 1
    assert "Didomi could not be asked" in result.stdout
