"""`consent-sync import`: from the connector's JSON to a file that somebody reads first."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from consent_sync.adapters.mapping_files import read_file
from consent_sync.cli.main import app
from tests.cli.installation import Installation, platforms
from tests.hosted_connector.test_reading import COOKIES, PUBLISHED, SECRET, config


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["import", *words])


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONSENT_SYNC_MAPPINGS_DIR", raising=False)


def given(content: dict[str, Any]) -> str:
    Path("c.json").write_text(json.dumps(content), encoding="utf-8")
    return "c.json"


def test_configuration_becomes_a_file_beside_it() -> None:
    """With what it does not say given, the file is ready to be read and moved."""
    result = run(given(config()), "--organization", "acme", "--contact", "dpo@example.com")

    assert result.exit_code == 0
    assert "written: customers.yaml" in result.output
    assert "CONSENT_SYNC_ACTITO_API_KEY        authentication.private_api_key" in result.output
    assert read_file(Path("customers.yaml")).problems == ()
    assert SECRET not in result.output + Path("customers.yaml").read_text(encoding="utf-8")


def test_what_is_missing_is_left_to_fill_in() -> None:
    """The file cannot count by accident: it is refused until somebody has completed it."""
    result = run(given(config()))

    assert result.exit_code == 0
    assert "to do in the file before it can be used:" in result.output
    assert len(read_file(Path("customers.yaml")).problems) == 2


def test_published_example_wants_to_be_repaired() -> None:
    """Its faults are named; nothing is written before somebody asked for the repair."""
    Path("c.json").write_text(PUBLISHED, encoding="utf-8")
    refused = run("c.json")
    repaired = run("c.json", "--repair")

    assert refused.exit_code == 1
    assert refused.output.endswith("nothing was written\n")
    assert repaired.exit_code == 0
    assert Path("c.json").read_text(encoding="utf-8") == PUBLISHED


def test_path_with_two_readings_is_refused_and_both_are_shown() -> None:
    """A wrong guess would give people's choices to another purpose."""
    result = run(given(config(mappings=[{"id": "A", "value": COOKIES}])))

    assert result.exit_code == 1
    assert "{purpose: cookies, preference: newsletter}" in result.output
    assert "{purpose: cookies_preferences_newsletter}" in result.output
    assert list(Path().glob("*.yaml")) == []


def test_readings_can_be_left_open() -> None:
    """Each reading stands in the file as a remark; none of them counts."""
    lines = [{"id": "A", "value": COOKIES}, {"id": "B", "value": "consents_channels_sms_enabled"}]
    words = ["--leave-open", "--organization", "acme", "--contact", "dpo@example.com"]
    result = run(given(config(mappings=lines)), *words)
    mapping = read_file(Path("customers.yaml")).mapping

    assert result.exit_code == 0
    assert mapping is not None
    assert [line.id for line in mapping.lines] == ["B"]
    assert Path("customers.yaml").read_text(encoding="utf-8").count("# - id: A") == 2


def test_no_file_is_written_over() -> None:
    """An import never replaces somebody's work."""
    Path("customers.yaml").write_text("mine", encoding="utf-8")

    assert run(given(config())).exit_code == 1
    assert Path("customers.yaml").read_text(encoding="utf-8") == "mine"


def test_watched_folder_is_refused() -> None:
    """What is written there would count at once, unread."""
    Path("mappings").mkdir()
    Path("link").symlink_to("mappings")
    result = run(given(config()), "-o", "mappings/a.yaml")
    by_link = run(given(config()), "-o", "link/a.yaml")

    assert (result.exit_code, by_link.exit_code) == (1, 1)
    assert "would count at once" in result.stderr
    assert list(Path("mappings").iterdir()) == []


def test_missing_file_is_told_in_a_sentence() -> None:
    """A path that leads nowhere is said so."""
    assert "cannot be read: No such file" in run("nowhere.json").stderr


@pytest.mark.parametrize("right", [True, False])
def test_json_tells_the_same(right: bool) -> None:
    """Other programs get everything but the secret."""
    content = config(organization_id="acme") if right else config(type_id="x")
    result = run(given(content), "--json", "--name", "brand-a", "--contact", "a@example.com")
    told = json.loads(result.output)

    assert told["file"] == ("brand-a.yaml" if right else None)
    assert [one["code"] for one in told["problems"]] == ([] if right else ["mapping-import-shape"])
    assert SECRET not in result.output


LINES = [{"id": "A", "value": "consents_purposes_marketing_preferences_topics_enabled"}]


@pytest.mark.parametrize("secret", ["", "not-the-secret"])
def test_didomi_says_which_reading_exists(
    secret: str, place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a live look, a path is read as the place that is really there."""
    (place.folder / "c.json").write_text(json.dumps(config(mappings=LINES)), encoding="utf-8")

    async def beside() -> Result:
        async with platforms(place):
            if secret:
                place.configure(DIDOMI_API_SECRET=secret)
            words = ["import", "c.json", "--online", "--organization", "acme"]
            return await asyncio.to_thread(place.run, monkeypatch, *words)

    result = asyncio.run(beside())
    written = place.folder / "customers.yaml"

    assert result.exit_code == (1 if secret else 0)
    assert written.is_file() == (not secret)
    if not secret:
        text = written.read_text(encoding="utf-8")
        assert "value: {purpose: marketing, preference: topics}" in text
