"""The demo as people run it: it tells, it checks itself, and it leaves nothing running."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from consent_sync.cli.demo.checks import NotHeldError, until

COMMAND = [sys.executable, "-m", "consent_sync"]


def alone(folder: Path) -> dict[str, str]:
    """Return an environment in which every file the demo makes is below one folder."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("CONSENT_SYNC_")}
    return {**kept, "TMPDIR": str(folder)}


def left_running(folder: Path) -> list[str]:
    """Return the processes whose working folder is below this one."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            where = entry.readlink()
        except OSError:
            continue
        if folder in where.parents:
            found.append(str(entry))
    return found


@contextmanager
def demo(folder: Path, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Start the demo, and end it when the test has not."""
    with subprocess.Popen(
        [*COMMAND, "demo", *words],
        env=alone(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def document(process: "subprocess.Popen[bytes]") -> Any:
    """Read one JSON document from a process that goes on running."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line == b"}\n":
            break
    return orjson.loads(b"".join(lines))


def test_it_tells_a_story_that_holds(tmp_path: Path) -> None:
    """Piped it is plain text, every check is told, and the exit code is 0."""
    with demo(tmp_path) as process:
        output, errors = process.communicate(timeout=90)
    told = output.decode()

    assert (process.returncode, errors) == (0, b"")
    assert "\x1b" not in told
    assert "1. Ada agrees in the preference centre" in told
    assert "checks, all held" in told
    assert told.endswith("Nothing is left running.\n")
    assert left_running(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_it_stays_up_and_can_be_looked_at(tmp_path: Path) -> None:
    """With --keep everything answers until Ctrl-C, also to the commands in its folder."""
    with demo(tmp_path, "--keep", "--json") as process:
        told = document(process)
        folder = Path(told["folder"])

        def run(*words: str) -> Any:
            ended = subprocess.run(
                [*COMMAND, *words, "--json"],
                cwd=folder,
                env=alone(tmp_path),
                capture_output=True,
                timeout=30,
                check=False,
            )
            return ended.returncode, orjson.loads(ended.stdout)

        status = run("status")
        explained = run("explain", "ada@example.com")
        doctor = run("doctor")
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)

    assert told["ok"] is True
    assert told["before"] != told["after"]
    assert all(step["held"] for step in told["steps"])
    assert set(told["addresses"]) == {"Didomi", "Actito", "consent-sync"}
    assert status[0] == 0
    assert explained[1]["known"] is True
    assert [one for one in doctor[1]["findings"] if one["state"] == "fail"] == []
    assert (process.returncode, rest, errors) == (0, b"", b"")
    assert left_running(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_stopped_at_any_time(number: signal.Signals, tmp_path: Path) -> None:
    """Stopped in the middle it ends everything it started, and says so by its exit code."""
    with demo(tmp_path) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)

    assert (process.returncode, errors) == (130, b"")
    assert b"nothing is left running" in output
    assert left_running(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


FAILING = """
from consent_sync.cli import main
from consent_sync.cli.demo import checks, stage

checks.until.__defaults__ = (4.0,)
stage.Stage.attribute = lambda self, ouid, name: "silver"
main()
"""


def test_what_does_not_hold_is_named(tmp_path: Path) -> None:
    """When an outcome fails to come about, its sentence is the end, and the exit code is 1."""
    ended = subprocess.run(
        [sys.executable, "-c", FAILING, "demo"],
        env=alone(tmp_path),
        capture_output=True,
        timeout=90,
        check=False,
    )
    told = ended.stdout.decode()

    assert ended.returncode == 1
    assert "Did not hold: Actito: loyaltyTier is gold" in told
    assert "\n4. " not in told
    assert told.endswith("Nothing is left running.\n")
    assert left_running(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


async def test_waiting_has_a_deadline() -> None:
    """What never holds ends the waiting with its own words."""
    started = time.monotonic()

    with pytest.raises(NotHeldError, match="pigs fly"):
        await until("pigs fly", lambda: False, 0.05)
    assert time.monotonic() - started < 5
