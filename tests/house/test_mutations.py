"""The sum of a mutation run counts what it should."""

import json
from pathlib import Path

import pytest

from tests.mutations import main


def run_of(folder: Path, *endings: int | None) -> Path:
    """Leave behind what a run with these exit codes does."""
    codes = {f"mutant_{number}": code for number, code in enumerate(endings)}
    (folder / "lines.py.meta").write_text(json.dumps({"exit_code_by_key": codes}))
    return folder


@pytest.mark.parametrize(("wanted", "code"), [(50, 0), (51, 1)])
def test_untested_mutations_count_as_not_noticed(tmp_path: Path, wanted: float, code: int) -> None:
    """Failures, crashes and timeouts notice; what was not tried counts for nothing."""
    folder = run_of(tmp_path, 1, -24, 0, 33, None)

    assert main(wanted, folder) == code


def test_a_run_without_mutations_proves_nothing(tmp_path: Path) -> None:
    """It ends as one that noticed none."""
    assert main(1, run_of(tmp_path)) == 1
