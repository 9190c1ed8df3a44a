"""The files of the database: who owns them, and who may read them."""

import fcntl
import os
import stat
from pathlib import Path
from typing import Final

from consent_sync.domain.errors import StoreError

_PRIVATE: Final = 0o600


class InUseError(StoreError):
    """Another process of ours owns the database."""


def take(path: Path) -> int:
    """Become the only owner of the database and return what `let_go` needs.

    Makes the database file and tightens its permissions. Raises StoreError naming what stands in
    the way and what to do about it.
    """
    _refuse_unusual(path)
    lock = _open_private(path.with_name(path.name + ".lock"))
    try:
        _lock(lock, path)
        # SQLite gives its other files the permissions of this one.
        os.close(_open_private(path))
        for suffix in ("-wal", "-shm"):
            beside = path.with_name(path.name + suffix)
            if beside.exists():
                beside.chmod(_PRIVATE)
    except (OSError, StoreError) as error:
        os.close(lock)
        raise _explained(error, path) from error
    return lock


def let_go(lock: int) -> None:
    """Let another process own the database. The lock file stays: deleting it would race."""
    os.close(lock)


def _refuse_unusual(path: Path) -> None:
    if path.is_symlink():
        raise StoreError(f"the database {path} is a symbolic link; name the file itself")
    if path.is_dir():
        raise StoreError(f"the database {path} is a directory; name a file in it")
    if path.exists() and not path.is_file():
        raise StoreError(f"the database {path} is not an ordinary file")
    if not path.parent.is_dir():
        raise StoreError(f"the folder {path.parent} of the database does not exist; make it first")


def _open_private(path: Path) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        handle = os.open(path, flags, _PRIVATE)
    except OSError as error:
        raise _explained(error, path) from error
    if stat.S_IMODE(os.fstat(handle).st_mode) != _PRIVATE:
        os.fchmod(handle, _PRIVATE)
    return handle


def _lock(lock: int, path: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.pread(lock, 20, 0).decode("ascii", "replace").strip() or "unknown"
        raise InUseError(
            f"the database {path} is in use by another consent-sync process (number {owner}); "
            "stop that one first, or choose another file in CONSENT_SYNC_DATABASE_URL"
        ) from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)


def _explained(error: OSError | StoreError, path: Path) -> StoreError:
    if isinstance(error, StoreError):
        return error
    return StoreError(
        f"{path} cannot be opened for writing: {error.strerror}; the user that runs consent-sync "
        f"must be able to write it and to make files beside it"
    )
