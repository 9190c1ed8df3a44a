"""Profiles seen to exist, asked again when a 404 may only hide a missing right."""

from collections import OrderedDict

from consent_sync.domain.identity import Names
from consent_sync.domain.mapping import Mapping

_KEPT = 3


class Witnesses:
    """The last few profiles that were seen on each table; one may since have been deleted."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], OrderedDict[str, Names]] = {}

    def remember(self, mapping: Mapping, names: Names) -> None:
        """Keep a profile that has just been seen."""
        if not names.profile_id:
            return
        table = mapping.entity, mapping.table
        seen = self._seen.get(table)
        if seen is None:
            seen = self._seen[table] = OrderedDict()
        seen[names.profile_id] = names
        seen.move_to_end(names.profile_id)
        while len(seen) > _KEPT:
            seen.popitem(last=False)

    def forget(self, mapping: Mapping, names: Names) -> None:
        """Drop a profile that is gone for certain."""
        seen = self._seen.get((mapping.entity, mapping.table), OrderedDict())
        for profile_id in [key for key, known in seen.items() if _same(known, names)]:
            del seen[profile_id]

    def other_than(self, mapping: Mapping, suspect: Names) -> list[Names]:
        """Return the profiles seen on this table, newest first, without the suspect itself."""
        seen = self._seen.get((mapping.entity, mapping.table), OrderedDict())
        return [known for known in reversed(seen.values()) if not _same(known, suspect)]


def _same(known: Names, asked: Names) -> bool:
    same_id = bool(asked.profile_id) and known.profile_id == asked.profile_id
    # Actito may match without regard to letter case.
    same_key = bool(asked.actito_key) and (
        known.actito_key.lower() == asked.actito_key.strip().lower()
    )
    return same_id or same_key
