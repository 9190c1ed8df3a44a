"""Commands never see the settings of whoever runs the tests."""

import asyncio
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.cli.installation import Installation, fill


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("CONSENT_SYNC_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture(autouse=True)
def _own_logs() -> Iterator[None]:
    """Undo what `serve` does to the logs: its stream is gone when the command is.

    And let a service beside a command never log into what that command prints.
    """
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    yield
    root.handlers[:], root.level = handlers, level
    structlog.configure(**before)


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    """An installation whose service never ran."""
    return Installation(tmp_path)


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation whose service ran for a while; for looking only."""
    installation = Installation(tmp_path_factory.mktemp("filled"))
    asyncio.run(fill(installation))
    return installation
