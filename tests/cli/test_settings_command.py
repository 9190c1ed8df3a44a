"""`consent-sync settings`."""

import pytest

from tests.cli.installation import SECRET, Installation


def test_every_setting_is_shown_with_its_origin(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values come from the environment before the `.env` file before the default."""
    monkeypatch.setenv("CONSENT_SYNC_LISTEN", "127.0.0.1:8123")
    told = place.json(monkeypatch, "settings")
    found = {one["name"]: (one["value"], one["origin"]) for one in told["settings"]}

    assert found["CONSENT_SYNC_LISTEN"] == ("127.0.0.1:8123", "environment")
    assert found["CONSENT_SYNC_ACTITO_API_URL"] == ("http://127.0.0.1:9", ".env")
    assert found["CONSENT_SYNC_LATE_AFTER_SECONDS"] == ("300", "default")


def test_secrets_are_masked(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """No secret is ever printed."""
    result = place.run(monkeypatch, "settings")

    assert result.exit_code == 0
    assert SECRET not in result.output
    assert "********" in result.stdout


def test_a_dollar_in_the_file_is_a_dollar(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is put in place of what looks like a variable, because secrets may look so."""
    place.configure(MAPPINGS_DIR="/maps/${HOME}")
    told = place.json(monkeypatch, "settings")

    assert "/maps/${HOME}" in [one["value"] for one in told["settings"]]


def test_what_is_wrong_is_told_and_exits_78(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All settings are shown even where they do not allow a start, and all problems with them."""
    place.configure(LISTEN="nowhere", LATE_AFTER_SECONDS="soon")
    result = place.run(monkeypatch, "settings")

    assert result.exit_code == 78
    assert "problem  CONSENT_SYNC_LISTEN" in result.stdout
    assert "problem  CONSENT_SYNC_LATE_AFTER_SECONDS" in result.stdout
