"""The first steps are taken as they are written, with other ports."""

import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import ROOT

PAGE = (ROOT / "docs/start/first-steps.md").read_text(encoding="utf-8")
BY_HAND = PAGE.split("## 2. ", 1)[1].split("## 3. ", 1)[0]
BLOCKS = re.findall(r"```sh\n(.*?)```(?:\s+```text\n(.*?)```)?", BY_HAND, re.DOTALL)
SECONDS: Final = 30.0
END: Final = "--- end of block ---"


def free_ports(number: int) -> list[int]:
    sockets = [socket.socket() for _ in range(number)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class Shell:
    """One shell that runs block after block, as a person's terminal does."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            ["bash"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(folder)},
        )

    def run(self, block: str) -> str:
        """Run a block to its end and return what it printed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{block}\necho '{END}'\n")
        self._process.stdin.flush()
        lines = []
        for line in self._process.stdout:
            if line.rstrip().endswith(END):
                lines.append(line.rstrip().removesuffix(END))
                break
            lines.append(line)
        return "".join(lines)

    def close(self) -> None:
        """Stop what still runs in it, and leave."""
        self._process.communicate("kill $(jobs -p) 2>/dev/null; wait\n", timeout=60)


@contextmanager
def a_shell(folder: Path) -> Iterator[Shell]:
    shell = Shell(folder)
    try:
        yield shell
    finally:
        shell.close()


def outcome(shell: Shell, block: str, told: list[str]) -> str:
    """Run a block, again while it does not show what the page tells: webhooks take a moment."""
    end = time.monotonic() + SECONDS
    while True:
        shown = shell.run(block)
        if all(line in shown for line in told) or time.monotonic() > end:
            return shown


@pytest.mark.skipif(
    not (shutil.which("bash") and shutil.which("curl")), reason="the page uses bash and curl"
)
def test_every_command_does_what_the_page_tells(tmp_path: Path) -> None:
    """Each block is run in order, and shows the lines that stand below it."""
    shutil.copytree(ROOT / "mappings", tmp_path / "mappings")
    ports = dict(zip(("8080", "8090", "8091"), map(str, free_ports(3)), strict=True))
    with a_shell(tmp_path) as shell:
        for block, text in BLOCKS:
            for port, other in ports.items():
                block = block.replace(port, other)  # noqa: PLW2901 - the same block, elsewhere
            told = [line for line in text.splitlines() if line]
            shown = outcome(shell, block, told)

            assert [line for line in told if line not in shown] == [], shown
            assert "Traceback" not in shown
            assert "command not found" not in shown


def test_the_page_shows_outcomes() -> None:
    """The page has blocks to run, and most of what they show is checked."""
    assert len(BLOCKS) > 8
    assert sum(bool(text) for _, text in BLOCKS) >= 5
