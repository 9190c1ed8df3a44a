"""At a start: which profiles were seen before, so that a lost right is not taken for their absence."""

from typing import Final

from consent_sync.app.accounts import ActitoAccounts
from consent_sync.app.database import Reader
from consent_sync.domain.events import ProfileReading
from consent_sync.ports.mappings import MappingSource

RECORDS: Final = 500
"""How many of the newest ledger records are looked through; a few profiles are enough."""


async def remember_profiles(
    reader: Reader, mappings: MappingSource, actito: ActitoAccounts
) -> None:
    """Tell each account which profiles the newest ledger records name; raise StoreError."""
    after = max(0, await reader.newest_record() - RECORDS)
    for _, subject, record in await reader.recent(after=after, limit=RECORDS):
        mapping = mappings.current().get(subject.mapping)
        if mapping is not None:
            for fact in record.facts:
                if isinstance(fact, ProfileReading):
                    actito.of(mapping).remember(mapping, fact.names)
