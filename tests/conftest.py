"""What holds for every test, and one PostgreSQL server for all that need one."""

import signal
from collections.abc import Iterator

import pytest

from tests.postgres import PostgresServer

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts background jobs that ignore Ctrl-C, and so would every process they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server of this run's own; a test that needs it fails where it cannot start."""
    server = PostgresServer()
    yield server
    server.stop()
