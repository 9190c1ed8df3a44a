"""Copying the WAL file into the database beside the writer, so that commits do not wait for it."""

from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress

import apsw


class Copying:
    """A connection and a thread that copy; asked by the writer thread alone.

    What is committed meanwhile is left over for the writer, whose own copy is short then and lets
    the WAL file start anew. Two connections may do this since SQLite is free of its WAL-reset bug.
    """

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-copying")
        self._copy: Future[object] | None = None

    def done(self, *, patient: bool) -> bool:
        """Whether a copy has ended since the last time; start one when none is under way.

        Being patient is to wait for its end.
        """
        if self._copy is None:
            self._copy = self._thread.submit(
                self._connection.wal_checkpoint, mode=apsw.SQLITE_CHECKPOINT_PASSIVE
            )
        if patient:
            wait([self._copy])
        if not self._copy.done():
            return False
        # A copy that failed is not looked at: the writer's own one meets the same trouble.
        self._copy = None
        return True

    def leave(self) -> None:
        """Let the copy under way end, and close the connection. Never raises."""
        self._thread.shutdown()
        with suppress(apsw.Error):
            self._connection.close()
