"""`consent-sync simulate`."""

import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import orjson
import pytest
from typer.testing import CliRunner

from consent_sync.cli.main import app


@contextmanager
def simulated(*words: str) -> Iterator[dict[str, str]]:
    """Run a simulator as a process and hand out what it tells when it is ready."""
    command = [sys.executable, "-m", "consent_sync", "simulate", *words, "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield orjson.loads(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
        assert (process.returncode, errors) == (0, b"")


@pytest.mark.parametrize("platform", ["didomi", "actito"])
def test_a_platform_runs_until_ctrl_c(platform: str) -> None:
    """It tells its addresses and keys, answers, turns its switches, and leaves without a word."""
    words = {"didomi": "page_size=7", "actito": "token_seconds=7"}
    webhook = "http://127.0.0.1:9/webhooks/test"
    with simulated(
        platform, "--set", words[platform], "--webhook", webhook, "--webhook-secret", "abc"
    ) as told:
        with urllib.request.urlopen(f"{told['control']}/switches", timeout=10) as answer:  # noqa: S310 - a simulator's own address
            switches = orjson.loads(answer.read())
        with urllib.request.urlopen(f"{told['control']}/webhooks", timeout=10) as answer:  # noqa: S310 - a simulator's own address
            webhooks = orjson.loads(answer.read())["webhooks"]

    assert told["platform"] == platform
    assert told["key"]
    assert 7 in switches.values()
    assert len(webhooks) == {"didomi": 1, "actito": 2}[platform]


@pytest.mark.parametrize("platform", ["didomi", "actito"])
def test_every_switch_is_listed_with_its_meaning(platform: str) -> None:
    """What can be turned is told with values, default and a sentence."""
    result = CliRunner().invoke(app, ["simulate", platform, "--list-switches", "--json"])
    found = orjson.loads(result.stdout)

    assert len(found) > 20
    assert all(one["meaning"] and one["values"] for one in found)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("page_sice=7", "did you mean 'page_size'?"),
        ("page_size=0", "switch page_size: "),
        ("page_size", "expected switch=value"),
    ],
)
def test_an_unfit_switch_is_wrong_usage(word: str, said: str) -> None:
    """Nothing is served with a switch that does not fit."""
    result = CliRunner().invoke(app, ["simulate", "didomi", "--port", "0", "--set", word])

    assert result.exit_code == 2
    assert said in result.stderr


def test_a_taken_port_is_said() -> None:
    """When somebody listens there already, the address is named."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(app, ["simulate", "actito", "--port", port])

    assert result.exit_code == 1
    assert f"127.0.0.1:{port} cannot be listened on" in result.stderr
