"""A small memory of which person an Actito profile number belongs to."""

from collections import OrderedDict


class ProfileIndex:
    """Remembers the person keys of up to `limit` profiles, the longest unused forgotten first.

    A miss is always safe: the turn then asks Actito. So nothing here needs to be durable.
    """

    def __init__(self, limit: int = 100_000) -> None:
        self._limit = limit
        self._persons: OrderedDict[tuple[str, str], str] = OrderedDict()

    def remember(self, mapping: str, profile_id: str, person: str) -> None:
        """Note that this profile of this mapping belongs to this person."""
        known = self._persons
        known[mapping, profile_id] = person
        known.move_to_end((mapping, profile_id))
        if len(known) > self._limit:
            known.popitem(last=False)

    def find(self, mapping: str, profile_id: str) -> str | None:
        """Return the person key of this profile, or None when it is not known here."""
        person = self._persons.get((mapping, profile_id))
        if person is not None:
            self._persons.move_to_end((mapping, profile_id))
        return person
