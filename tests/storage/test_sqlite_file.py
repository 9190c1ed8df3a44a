"""The file of the database: who owns it, who may read it, and what is refused in its place."""

import asyncio
import errno
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from consent_sync.adapters.storage import opened
from consent_sync.adapters.storage.connect import has_wal_reset_bug, library_version
from consent_sync.adapters.storage.sqlite import SqliteStore
from consent_sync.domain.errors import StoreError
from tests.contracts.store_kit import HandClock, event


def store_at(path: Path) -> SqliteStore:
    return SqliteStore(path, HandClock())


def modes(folder: Path) -> dict[str, int]:
    return {p.name: stat.S_IMODE(p.stat().st_mode) for p in sorted(folder.iterdir())}


@pytest.fixture
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.parametrize(
    ("version", "affected"),
    [
        ((3, 6, 23), False),
        ((3, 7, 0), True),
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 0), True),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 54, 1), False),
        ((4, 0, 0), False),
    ],
)
def test_affected_libraries_are_known(version: tuple[int, int, int], affected: bool) -> None:
    """Versions that can lose committed data are told from those that cannot."""
    assert has_wal_reset_bug(version) is affected


def test_the_library_in_use_is_safe() -> None:
    """What is installed here does not lose data."""
    assert not has_wal_reset_bug(library_version())


async def test_an_affected_library_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store does not open with it, and says which version would do."""
    monkeypatch.setattr(opened, "library_version", lambda: (3, 51, 2))

    with pytest.raises(StoreError, match=r"SQLite 3\.51\.2 .* install apsw 3\.53"):
        await store_at(tmp_path / "store.db").open()
    assert modes(tmp_path) == {}


@pytest.mark.usefixtures("no_umask")
async def test_only_the_owner_may_read_the_files(tmp_path: Path) -> None:
    """Every file is private, however lax the process is about new files."""
    store = store_at(tmp_path / "store.db")
    await store.open()
    await store.accept([event("one", "ada")])

    assert modes(tmp_path) == dict.fromkeys(
        ["store.db", "store.db-shm", "store.db-wal", "store.db.lock"], 0o600
    )
    await store.close()


async def test_files_that_others_could_read_are_tightened(tmp_path: Path) -> None:
    """A database that was copied with lax permissions becomes private when it is opened."""
    for name in ("store.db", "store.db.lock", "store.db-wal"):
        (tmp_path / name).touch(0o666)
        (tmp_path / name).chmod(0o666)
    store = store_at(tmp_path / "store.db")
    await store.open()

    assert set(modes(tmp_path).values()) == {0o600}
    await store.close()


async def test_a_second_owner_is_refused(tmp_path: Path) -> None:
    """A database belongs to one store at a time, and the error says what to do."""
    first, second = store_at(tmp_path / "store.db"), store_at(tmp_path / "store.db")
    await first.open()

    with pytest.raises(StoreError, match=rf"process \(number {os.getpid()}\); stop that one"):
        await second.open()

    await first.close()
    await second.open()
    await second.close()


async def test_an_owner_in_another_process_is_noticed(tmp_path: Path) -> None:
    """The lock holds between processes, and ends with its process."""
    code = (
        "import fcntl, sys; handle = open(sys.argv[1], 'w');"
        "fcntl.flock(handle, fcntl.LOCK_EX); print('locked', flush=True); sys.stdin.read()"
    )
    store = store_at(tmp_path / "store.db")
    other = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        str(tmp_path / "store.db.lock"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert other.stdout is not None
    await other.stdout.readline()
    with pytest.raises(StoreError, match="in use by another"):
        await store.open()
    await asyncio.wait_for(other.communicate(b""), 10)

    await store.open()
    await store.close()


async def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    """The database is a file, not a name that leads elsewhere."""
    (tmp_path / "link.db").symlink_to(tmp_path / "store.db")

    with pytest.raises(StoreError, match="symbolic link"):
        await store_at(tmp_path / "link.db").open()


async def test_a_lock_that_is_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    """Nobody can make the store lock or change another file."""
    (tmp_path / "store.db.lock").symlink_to(tmp_path / "victim")

    with pytest.raises(StoreError, match="cannot be opened for writing"):
        await store_at(tmp_path / "store.db").open()
    assert not (tmp_path / "victim").exists()


async def test_a_directory_is_refused(tmp_path: Path) -> None:
    """A folder is not a database."""
    with pytest.raises(StoreError, match="is a directory; name a file in it"):
        await store_at(tmp_path).open()


async def test_a_special_file_is_refused(tmp_path: Path) -> None:
    """A pipe is not a database, and is not waited for."""
    os.mkfifo(tmp_path / "store.db")

    with pytest.raises(StoreError, match="not an ordinary file"):
        await store_at(tmp_path / "store.db").open()


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """Folders are not made silently."""
    with pytest.raises(StoreError, match=r"folder .*nowhere of the database does not exist"):
        await store_at(tmp_path / "nowhere" / "store.db").open()


async def test_a_read_only_place_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing can be written, the error says who must be able to."""

    def read_only(*_: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "open", read_only)

    with pytest.raises(StoreError, match="Read-only file system; the user that runs"):
        await store_at(tmp_path / "store.db").open()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """It is left as it is, and not owned afterwards."""
    path = tmp_path / "store.db"
    path.write_bytes(b"a letter to a friend, " * 100)

    for _ in range(2):
        with pytest.raises(StoreError, match="not a SQLite database; name another file"):
            await store_at(path).open()
    assert path.read_bytes() == b"a letter to a friend, " * 100


async def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    """Tables of others are not mixed with ours."""
    connection = apsw.Connection(str(tmp_path / "store.db"))
    connection.execute("CREATE TABLE recipe (name TEXT)")
    connection.close()

    with pytest.raises(StoreError, match="belongs to another program"):
        await store_at(tmp_path / "store.db").open()


async def test_the_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """An older program does not touch what it cannot know."""
    store = store_at(tmp_path / "store.db")
    await store.open()
    await store.close()
    connection = apsw.Connection(str(tmp_path / "store.db"))
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(StoreError, match=r"layout 99, .* a newer consent-sync wrote it"):
        await store_at(tmp_path / "store.db").open()


async def test_a_closed_store_leaves_one_file_and_its_lock(tmp_path: Path) -> None:
    """After close everything is in the database file, ready to be copied."""
    store = store_at(tmp_path / "store.db")
    await store.open()
    await store.accept([event("one", "ada")])
    await store.close()

    assert list(modes(tmp_path)) == ["store.db", "store.db.lock"]


async def test_a_store_can_be_opened_again(tmp_path: Path) -> None:
    """The same object works again after close, from what the file holds."""
    store = store_at(tmp_path / "store.db")
    await store.open()
    await store.accept([event("one", "ada")])
    await store.claim(1)
    await store.close()
    await store.open()

    assert len(await store.claim(1)) == 1
    await store.close()
