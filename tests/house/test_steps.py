"""Steps of the layout that databases have taken stay as they are."""

import hashlib
import json
from typing import Final

import pytest

from consent_sync.adapters.storage.postgres.statements import migrations
from tests.house.sources import ROOT

SQL: Final = ROOT / "consent_sync" / "adapters" / "storage" / "sql"
STEPS: Final = ROOT / "tests" / "side_by_side" / "held" / "steps.json"

EDITED: Final = """
Databases have taken these steps already, and programs of older versions count on what they left: a
step is never edited. Put the change into a further step, and the SHA-256 of its file into
tests/side_by_side/held/steps.json, which lists every step there is.
"""

LESS: Final = """
Programs look at the newest step alone to know whether they may go on: where it says that it works
with older ones than the step before, those come back that were ruled out. See "What another version
reads" in CONTRIBUTING.md.
"""


@pytest.mark.parametrize("store", ["postgres", "sqlite"])
def test_no_step_that_databases_have_taken_is_edited(store: str) -> None:
    """Where the old text has been taken, the new one never is."""
    held = json.loads(STEPS.read_text(encoding="utf-8"))[store]
    found = {
        one.name: hashlib.sha256(one.read_bytes()).hexdigest()
        for one in (SQL / store).glob("[0-9]*.sql")
    }

    assert found == held, EDITED


def test_what_a_step_ruled_out_stays_so() -> None:
    """No step works with older programs than the one before it."""
    works_with = [step.works_with for step in migrations()]

    assert works_with == sorted(works_with), LESS
