"""Numbers and counts that go on from transaction to transaction."""

from typing import Final

from consent_sync.adapters.storage.statements import Statements

COMMITS: Final = "commits"


class Counting:
    """Gives out numbers and keeps counts; what a transaction that was undone counted is forgotten.

    Numbers given out in such a transaction stay unused.
    """

    def __init__(self, statements: Statements) -> None:
        self._statements = statements
        [numbers] = statements.rows("last_numbers")
        self.event, self.person, self.item, self.intent, self.record = numbers
        self._tallies: dict[str, int] = dict(statements.rows("tallies"))
        self._changed: dict[str, int] = {}

    def __getitem__(self, name: str) -> int:
        """Return a count as it stands in this transaction."""
        value = self._changed.get(name)
        return self._tallies.get(name, 0) if value is None else value

    def __setitem__(self, name: str, value: int) -> None:
        """Set a count in this transaction."""
        self._changed[name] = value

    def add(self, name: str, change: int) -> None:
        """Change a count within this transaction."""
        if change:
            self[name] += change

    def write(self) -> int:
        """Write the changed counts; return the number of this transaction."""
        self.add(COMMITS, 1)
        self._statements.write_rows("set_tallies", list(self._changed.items()))
        return self._changed[COMMITS]

    def committed(self) -> None:
        """The transaction holds."""
        self._tallies.update(self._changed)
        self._changed.clear()

    def rolled_back(self) -> None:
        """The transaction never was."""
        self._changed.clear()
