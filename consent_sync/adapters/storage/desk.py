"""Everything the writer thread can do, by kind of work."""

from collections.abc import Callable, Sequence
from typing import Any

import apsw

from consent_sync.adapters.storage.accepting import Accepting
from consent_sync.adapters.storage.boarding import Boarding
from consent_sync.adapters.storage.burying import Burying, Tombstones
from consent_sync.adapters.storage.compacting import Compacting
from consent_sync.adapters.storage.counting import Counting
from consent_sync.adapters.storage.forgetting import Forgetting
from consent_sync.adapters.storage.hashes import Digests, PersonKeys
from consent_sync.adapters.storage.settling import Settling
from consent_sync.adapters.storage.statements import Statements
from consent_sync.adapters.storage.versioning import Versioning
from consent_sync.domain.erasure import Marks


class Desk:
    """The kinds of work over one connection. `taken` says whether a turn has a person's item."""

    def __init__(
        self,
        connection: apsw.Connection,
        taken: Callable[[int, int], bool] = lambda _p, _i: False,
        marks: Marks | None = None,
    ) -> None:
        statements = Statements(connection)
        self.counting = Counting(statements)
        self._digests = Digests(statements)
        self._person_keys = PersonKeys(statements)
        tombstones = Tombstones(statements, marks or Marks())
        self._burying = Burying(statements, self.counting, self._person_keys, tombstones)
        accepting = Accepting(
            statements, self.counting, self._digests, self._person_keys, tombstones, taken
        )
        settling = Settling(
            statements, self.counting, self._person_keys, tombstones, self._burying.refuse_gone
        )
        self.announce = settling.announce
        self.settle = settling.settle
        self.hurry = settling.hurry
        self.accept = accepting.accept
        self.refuse = accepting.refuse
        self.replay = accepting.replay
        self.keep_versions = Versioning(statements).keep
        self.bury = self._burying.bury
        self.lift = self._burying.lift
        self.cleared = self._burying.cleared
        self.scrub = self._burying.scrub
        self.fade = self._burying.fade
        self.compact = Compacting(statements, self.counting, self._person_keys).compact
        self.forget = Forgetting(statements, self.counting).forget
        self.pin = Boarding(statements).pin

    @property
    def kinds(self) -> Sequence[Callable[[Sequence[Any]], Sequence[Any]]]:
        """All kinds, in the order in which a batch does them.

        An announcement comes before the end of its turn, which forgets it.
        """
        return (
            self.announce,
            self.settle,
            self.hurry,
            self.accept,
            self.refuse,
            self.replay,
            self.keep_versions,
            self.bury,
            self.lift,
            self.cleared,
            self.scrub,
            self.fade,
            self.compact,
            self.forget,
            self.pin,
            self.nothing,
        )

    def finish(self) -> int:
        """Write what goes with every transaction; return the transaction's number."""
        return self.counting.write()

    def committed(self) -> None:
        """The transaction holds."""
        self.counting.committed()
        self._digests.committed()
        self._person_keys.committed()
        self._burying.committed()

    def rolled_back(self) -> None:
        """The transaction never was."""
        self.counting.rolled_back()
        self._digests.rolled_back()
        self._person_keys.rolled_back()
        self._burying.rolled_back()

    @staticmethod
    def nothing(calls: Sequence[None]) -> list[None]:
        """Write nothing but the count of transactions."""
        return [None] * len(calls)
