"""A random key in a file that only its owner can read."""

import os
import secrets
from pathlib import Path
from typing import Final

from consent_sync.domain.errors import StoreError

KEY_BYTES: Final = 32


def load_or_make_key(path: Path) -> bytes:
    """Return the key in this file, made at first use with mode 0600; raise StoreError."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _loaded(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be made: {error.strerror}") from None
    with os.fdopen(handle, "wb") as file:
        key = secrets.token_bytes(KEY_BYTES)
        file.write(key)
    return key


def _loaded(path: Path) -> bytes:
    try:
        key = path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from None
    if len(key) != KEY_BYTES:
        raise StoreError(f"{path} holds {len(key)} bytes, expected {KEY_BYTES}; remove the file")
    return key
