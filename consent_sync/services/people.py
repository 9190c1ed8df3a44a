"""Finding the people that an operator asks about: one by any spelling, or everybody."""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Final

from consent_sync.domain.identity import Subject, person_from_actito_key, person_from_ouid
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.state import PersonState
from consent_sync.ports.mappings import MappingSource
from consent_sync.ports.store import Ledger, StoreStatus
from consent_sync.services.intake import real

PEOPLE_AT_ONCE: Final = 500


async def people(
    ledger: Ledger,
    mappings: MappingSource,
    person: str | None,
    worth: Callable[[StoreStatus], int],
    *,
    failed: bool = False,
) -> AsyncIterator[tuple[Subject, PersonState]]:
    """Yield this person in every mapping, else everybody while the counts say it is `worth` it.

    Of everybody, with `failed`, only those of whom something was given up. Raises StoreError.
    """
    if person is not None:
        named = [
            subject
            for mapping in mappings.current().values()
            for subject in _subjects(mapping, person)
        ]
        for one, state in (await ledger.states(list(dict.fromkeys(named)))).items():
            yield one, state
        return
    if not worth(await ledger.status()):
        return
    after = 0
    while page := await ledger.people(after, PEOPLE_AT_ONCE, failed=failed):
        after = page[-1][0]
        for _, subject, state in page:
            yield subject, state


def _subjects(mapping: Mapping, person: str) -> Iterable[Subject]:
    how = mapping.normalise
    keys = (person_from_ouid(person, how), person_from_actito_key(person, how))
    return (Subject(mapping.name, key) for key in keys if real(key))
