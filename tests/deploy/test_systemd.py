"""The systemd unit: understood as a whole, and closed."""

import re
from pathlib import Path

from tests.deploy.judges import DEPLOY, judged_by

UNIT = DEPLOY / "systemd/consent-sync.service"


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    """A line that systemd would ignore is a complaint of its judge."""
    unit = tmp_path / UNIT.name
    text = UNIT.read_text("utf-8")
    # The judge wants a program that is there.
    unit.write_text(re.sub(r"(?m)^ExecStart=\S+", "ExecStart=/bin/true", text), "utf-8")

    assert judged_by("systemd-analyze", "verify", "--man=no", unit) == ""


def test_the_unit_is_closed() -> None:
    """Of ten points of exposure it has less than two."""
    said = judged_by("systemd-analyze", "security", "--offline=true", "--threshold=20", UNIT)

    assert "OK" in said.splitlines()[-1]
