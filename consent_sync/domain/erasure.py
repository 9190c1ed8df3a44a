"""Tombstones: keyed hashes by which an erased person is known again and nothing else is told."""

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from consent_sync.domain.identity import Subject

EVERYWHERE: Final = ""
"""The scope of a person who was erased in all mappings, those to come too."""

ERASED: Final = "erased"
"""What stands beside a stored event whose content was removed with its person."""

BY_COMMAND: Final = "command"
"""The cause of an erasure that somebody asked this program for."""

BY_DELETION: Final = "user.deleted"
"""The cause of an erasure that Didomi told of."""

BY_PROFILE: Final = "profile.deleted"
"""The cause of an erasure because the profile is gone from Actito."""

EXPIRED: Final = "expired"
"""What stands beside an accepted event whose content has outlived its time."""

_MARK_BYTES: Final = 16


class DeletionPolicy(StrEnum):
    """What an erasure means for the other side."""

    KEEP = "keep"
    OPT_OUT = "opt-out"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Marks:
    """Makes tombstones with a key; without the key nobody can try out who was erased."""

    key: bytes = b""

    def of(self, scope: str, spellings: Iterable[str]) -> tuple[bytes, ...]:
        """Return the tombstones of every spelling of a person, also of its SHA-256.

        `scope` is the name of a mapping, or EVERYWHERE. Empty spellings have none.
        """
        found = {
            self._mark(scope, name)
            for spelling in spellings
            for name in (folded(spelling), _sha256(spelling))
            if spelling.strip()
        }
        return tuple(sorted(found))

    def barring(self, subject: Subject) -> tuple[bytes, bytes]:
        """Return the two tombstones of which either keeps this person out."""
        name = folded(subject.person)
        return self._mark(EVERYWHERE, name), self._mark(subject.mapping, name)

    @property
    def witness(self) -> bytes:
        """Return a tombstone of nobody, by which it is seen that others were made with this key."""
        return self._mark("\x00witness", "")

    def _mark(self, scope: str, name: str) -> bytes:
        text = f"{scope}\x00{name}".encode()
        return hashlib.blake2b(text, key=self.key, digest_size=_MARK_BYTES).digest()


def folded(spelling: str) -> str:
    """Return a spelling without the letter case and the space around it."""
    if spelling.isascii():
        return spelling.strip().lower()
    return unicodedata.normalize("NFKC", spelling).strip().casefold()


def _sha256(spelling: str) -> str:
    # As a mapping with `normalise: sha256` names the same person.
    return hashlib.sha256(spelling.strip().lower().encode()).hexdigest()
