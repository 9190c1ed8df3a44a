"""The page of settings forgets no variable and tells the defaults as they are."""

import re
from pathlib import Path

import pytest

from consent_sync.app.setting_reading import Spec
from consent_sync.app.settings import specs

PAGE = (Path(__file__).resolve().parents[2] / "docs/reference/settings.md").read_text(
    encoding="utf-8"
)


@pytest.mark.parametrize("spec", specs(), ids=lambda spec: spec.name)
def test_every_setting_has_its_row_with_its_default(spec: Spec) -> None:
    """Name and default stand in the page, so that nobody has to read the program."""
    row = re.search(rf"(?m)^\| `{spec.variable}` \| (.+?) \| .+ \|$", PAGE)

    assert row is not None
    told = row[1].replace("`", "")
    assert told == (
        spec.default or spec.default_words or ("none, required" if spec.required else "none")
    )


def test_page_names_no_setting_that_does_not_exist() -> None:
    """A variable that is gone does not stay in the page."""
    named = set(re.findall(r"(?m)^\| `(CONSENT_SYNC_\w+)`", PAGE))

    assert named == {spec.variable for spec in specs()}
