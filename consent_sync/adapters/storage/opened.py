"""What an open SQLite store holds: the lock, four connections and their threads."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final, TypeVar

import apsw

from consent_sync.adapters.storage import ownership
from consent_sync.adapters.storage.connect import (
    connect,
    explain,
    has_wal_reset_bug,
    library_version,
)
from consent_sync.adapters.storage.copying import Copying
from consent_sync.adapters.storage.desk import Desk
from consent_sync.adapters.storage.group_commit import GroupCommit
from consent_sync.adapters.storage.migrate import migrate
from consent_sync.adapters.storage.reading import Reader
from consent_sync.adapters.storage.statements import migrations
from consent_sync.adapters.storage.taking import TurnReader
from consent_sync.adapters.storage.transactions import SqliteTransactions
from consent_sync.adapters.storage.turns import Dispatcher
from consent_sync.domain.erasure import Marks
from consent_sync.domain.errors import StoreError

Source = TypeVar("Source")
Result = TypeVar("Result")

_WRITE_CACHE_KIB: Final = 65_536
_READ_CACHE_KIB: Final = 16_384


class Opened:
    """Owns the file from the moment it is made until `stop`. Making it raises StoreError."""

    def __init__(
        self,
        path: Path,
        dispatcher: Dispatcher,
        queue_bounds: tuple[int, int],
        marks: Marks,
    ) -> None:
        _refuse_lossy_library()
        self._path = path
        self.dispatcher = dispatcher
        with ExitStack() as undo:
            self._lock = ownership.take(path)
            undo.callback(ownership.let_go, self._lock)
            try:
                writer = self._connect(undo, looking=False)
                migrate(writer, path, migrations())
                self.desk = Desk(writer, dispatcher.lanes.taken, marks)
                self.turn_reader = TurnReader(self._connect(undo, looking=True))
                self.look_reader = Reader(self._connect(undo, looking=True))
                self._announced = self.turn_reader.announced()
                copying = Copying(self._connect(undo, looking=False))
            except apsw.Error as error:
                raise explain(error, path) from error
            undo.pop_all()
        transactions = SqliteTransactions(writer, self.desk, path, copying)
        calls, size = queue_bounds
        self.writer = GroupCommit(transactions, self.desk.kinds, queue_jobs=calls, queue_bytes=size)
        self.turn_thread = ThreadPoolExecutor(1, thread_name_prefix="store-turns")
        self.look_thread = ThreadPoolExecutor(1, thread_name_prefix="store-looking")

    def start(self) -> None:
        """Start writing on behalf of the running event loop."""
        self.dispatcher.lanes.announced.update(self._announced)
        self.dispatcher.lanes.given_back(self._announced)
        self.writer.start()

    async def stop(self) -> None:
        """Write what was accepted, close everything and let go of the file."""
        await self.writer.stop()
        self.dispatcher.ring()
        await asyncio.to_thread(self._close)

    async def read(
        self, thread: ThreadPoolExecutor, source: Source, read: Callable[[Source], Result]
    ) -> Result:
        """Read in a thread; raise StoreError when the database or the values do not allow it."""
        try:
            return await asyncio.get_running_loop().run_in_executor(thread, read, source)
        except apsw.Error as error:
            raise explain(error, self._path) from error
        except UnicodeEncodeError as error:
            raise StoreError(f"this name cannot be looked up: {error.reason}") from error

    def _connect(self, undo: ExitStack, *, looking: bool) -> apsw.Connection:
        cache_kib = _READ_CACHE_KIB if looking else _WRITE_CACHE_KIB
        connection = connect(self._path, cache_kib=cache_kib, looking=looking)
        undo.callback(connection.close)
        return connection

    def _close(self) -> None:
        # In their own threads, so that a reading under way ends first.
        self.turn_thread.submit(self.turn_reader.close)
        self.look_thread.submit(self.look_reader.close)
        self.turn_thread.shutdown()
        self.look_thread.shutdown()
        ownership.let_go(self._lock)


def _refuse_lossy_library() -> None:
    version = library_version()
    if has_wal_reset_bug(version):
        raise StoreError(
            f"SQLite {'.'.join(map(str, version))} can lose committed data (its WAL-reset bug); "
            "install apsw 3.53 or newer, which brings a SQLite without it"
        )
