"""`consent-sync mappings`: the history of the mapping files."""

import asyncio
from collections.abc import Sequence

import pytest

from consent_sync.adapters.clock import SystemClock
from consent_sync.adapters.mapping_files import MappingFolder
from consent_sync.adapters.storage.sqlite import SqliteStore
from consent_sync.app.activation import Activation
from consent_sync.app.trials import TrialGate
from consent_sync.domain.rules import Rules
from tests.cli.installation import MAPPING, Installation

SMS = MAPPING.replace("{channel: email}", "{channel: sms}")
MORE = SMS + "  - id: More\n    value: {purpose: more}\n"


async def _activate(place: Installation, texts: Sequence[str | None]) -> None:
    store = SqliteStore(place.database, SystemClock())
    await store.open()
    folder = MappingFolder(place.folder / "mappings", SystemClock())
    activation = Activation(folder, store, SystemClock(), TrialGate(Rules()))
    other = place.folder / "mappings" / "other.yaml"
    other.write_text(MAPPING.replace("brand-a", "other").replace("Customers", "Members"))
    await activation.start()
    for text in texts:
        file = place.folder / "mappings" / "brand-a.yaml"
        file.write_text(text) if text is not None else file.unlink()
        await activation.refresh()
    await store.close()


def activate(place: Installation, *texts: str | None) -> Installation:
    """Let these texts be in force one after the other; None removes the file."""
    asyncio.run(_activate(place, texts))
    return place


def versions(place: Installation, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the versions of brand-a, oldest first."""
    found = place.json(monkeypatch, "mappings", "log", "brand-a")
    return [one["version"] for one in reversed(found)]


def test_the_log_tells_what_was_in_force(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Newest first, with the moment, the version and what became of lines; JSON has the words."""
    activate(place, SMS, MORE, None)
    shown = place.run(monkeypatch, "mappings", "log").stdout
    told = place.json(monkeypatch, "mappings", "log", "brand-a", "--limit", "3")

    assert [line.split()[0] for line in shown.splitlines()] == ["number", "5", "4", "3", "2", "1"]
    assert "ended" in shown.splitlines()[1]
    assert "lines +1" in shown.splitlines()[2]
    assert [one["version"] is None for one in told] == [True, False, False]
    assert told[2]["difference"] == [
        {
            "step": "changed",
            "name": "Newsletter",
            "before": "{channel: email}, two-way",
            "after": "{channel: sms}, two-way",
            "line_number": 6,
        }
    ]


def test_show_prints_a_version_as_it_stood(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one in force, or any other by its hash or its number, to the byte."""
    activate(place, SMS + "# remark")
    first, second = versions(place, monkeypatch)

    assert place.run(monkeypatch, "mappings", "show", "brand-a").stdout == SMS + "# remark"
    assert place.run(monkeypatch, "mappings", "show", "brand-a", first).stdout == MAPPING
    assert place.run(monkeypatch, "mappings", "show", "brand-a", "1").stdout == MAPPING
    told = place.json(monkeypatch, "mappings", "show", "brand-a")
    assert (told["version"], told["text"]) == (second, SMS + "# remark")


def test_diff_tells_lines_and_texts(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without versions the newest is compared with the one before it, else those that are named."""
    activate(place, SMS, MORE)
    first, _, third = versions(place, monkeypatch)
    shown = place.run(monkeypatch, "mappings", "diff", "brand-a").stdout
    told = place.json(monkeypatch, "mappings", "diff", "brand-a", first, third)

    assert "+ line More: {purpose: more}, two-way" in shown
    assert "\n+  - id: More\n" in shown
    assert [(one["step"], one["name"]) for one in told["difference"]] == [
        ("changed", "Newsletter"),
        ("added", "More"),
    ]


def test_diff_of_the_first_version(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """What begins is compared with nothing."""
    activate(place)
    shown = place.run(monkeypatch, "mappings", "diff", "brand-a").stdout

    assert "from nothing" in shown
    assert "+ line Newsletter: {channel: email}, two-way" in shown


@pytest.mark.parametrize(
    "words",
    [
        ("show", "brand-z"),
        ("show", "brand-a", "0123456789ab"),
        ("show", "brand-a", "4711"),
        ("show", "other", "1"),
        ("diff", "brand-a", "4711"),
    ],
)
def test_what_is_not_there_is_a_sentence(
    place: Installation, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """A name or a version nobody has ends with 1 and with the command that lists them."""
    activate(place)
    result = place.run(monkeypatch, "mappings", *words)

    assert result.exit_code == 1
    assert "mappings log" in result.stderr
