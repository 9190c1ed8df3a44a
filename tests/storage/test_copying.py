"""Copying the WAL file beside the writer: bounded, complete, and never in the way of a commit."""

from pathlib import Path

import apsw
import pytest

from consent_sync.adapters.storage import transactions as transactions_module
from consent_sync.adapters.storage.connect import connect
from consent_sync.adapters.storage.copying import Copying
from consent_sync.adapters.storage.desk import Desk
from consent_sync.adapters.storage.migrate import migrate
from consent_sync.adapters.storage.statements import migrations
from consent_sync.adapters.storage.transactions import SqliteTransactions


class Pair:
    """A writer without its thread, and the copying beside it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "store.db"
        self.path.touch()
        self.connection = connect(self.path, cache_kib=1_000)
        migrate(self.connection, self.path, migrations())
        self.copying = Copying(connect(self.path, cache_kib=1_000))
        self.transactions = SqliteTransactions(
            self.connection, Desk(self.connection), self.path, self.copying
        )
        self.rows = 0

    def write(self) -> None:
        self.transactions.begin()
        for _ in range(5):
            self.rows += 1
            self.connection.execute(
                "INSERT INTO event VALUES (?, 'didomi', 'm', 't', 0, 0, '', zeroblob(4000))",
                (self.rows,),
            )
        self.transactions.commit()

    @property
    def log_size(self) -> int:
        return self.path.with_name("store.db-wal").stat().st_size


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    monkeypatch.setattr(transactions_module, "CHECKPOINT_PAGES", 50)
    monkeypatch.setattr(transactions_module, "MOST_PAGES", 400)
    return Pair(tmp_path)


def test_the_log_stays_bounded_and_nothing_is_lost(pair: Pair) -> None:
    """However the two take turns, the WAL file starts anew in time and all rows are there."""
    sizes = []
    for _ in range(400):
        pair.write()
        pair.transactions.tend(idle=False)
        sizes.append(pair.log_size)
    pair.transactions.leave()
    looking = apsw.Connection(str(pair.path))

    assert max(sizes) < 2 * 400 * 8_192
    assert looking.execute("SELECT count(*) FROM event").get == 2_000
    assert looking.execute("PRAGMA integrity_check").get == "ok"


def test_a_patient_look_waits_for_the_copy(pair: Pair) -> None:
    """Being patient is to wait for the end of the copy; then everything is in the database."""
    pair.write()
    ended = pair.copying.done(patient=True)
    size = pair.path.stat().st_size
    pair.transactions.leave()

    assert ended
    assert size >= 5 * 4_000


def test_leaving_ends_a_copy_under_way(pair: Pair) -> None:
    """Closing waits for the copy, so that the file is never closed under it."""
    pair.write()
    pair.copying.done(patient=False)
    pair.transactions.leave()

    with pytest.raises(apsw.ConnectionClosedError):
        pair.connection.execute("SELECT 1")
