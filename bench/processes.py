"""Child processes: started on a core of their own, known by one line of JSON when they are ready."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_READY_SECONDS = 60
_STOP_SECONDS = 60


@dataclass(slots=True)
class Child:
    """A running child: what it said when it was ready, and its process."""

    said: dict[str, Any]
    process: "subprocess.Popen[str]"

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used so far, in all its threads."""
        return cpu_seconds(self.process.pid)

    def say(self, word: str) -> None:
        """Send it one line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """End it at once, without any word."""
        self.process.kill()
        self.process.wait()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop it from doing anything for a while."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


def cpu_seconds(pid: int) -> float:
    """Return the processor time that a process has used so far."""
    words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def child(module: str, *arguments: str, log: Path) -> Iterator[Child]:
    """Run `python -m module` until the block ends; it is ready once it printed a line of JSON.

    What it logs goes to a file, as it would in production.
    """
    with log.open("a", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ROOT,
        )
    try:
        yield Child(_first_line(process), process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def told(module: str, *arguments: str, log: Path) -> dict[str, Any]:
    """Run `python -m module` to its end and return the JSON that it printed last."""
    with log.open("a", encoding="utf-8") as errors:
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=ROOT,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{module} ended with {done.returncode}:\n{_end(log)}")
    said: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return said


def _end(log: Path) -> str:
    return log.read_text(encoding="utf-8")[-2_000:]


def _first_line(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], _READY_SECONDS)
    line = process.stdout.readline() if ready else ""
    if not line:
        raise RuntimeError("a child process ended, or was not ready in time; its log says why")
    said: dict[str, Any] = json.loads(line)
    return said
