"""Reading a person's profile in Actito, or all of them where several come to the person."""

from consent_sync.domain.events import ProfileMissing, ProfileReading
from consent_sync.domain.lines import Context
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.several import profiles_in, same_profile
from consent_sync.domain.state import PersonState
from consent_sync.domain.values import replaced
from consent_sync.ports.lists import ProfileSource
from consent_sync.services.drafts import actito_keys


async def read_profiles(
    source: ProfileSource, mapping: Mapping, state: PersonState, context: Context
) -> ProfileReading | ProfileMissing:
    """Read every profile that may be this person's, as one reading; raises what a read raises."""
    seen: ProfileReading | ProfileMissing = ProfileMissing(context.now)
    for key in actito_keys(state, context):
        seen = beside(seen, await source.read_by_key(mapping, key))
    return seen


def beside(
    seen: ProfileReading | ProfileMissing, told: ProfileReading | ProfileMissing
) -> ProfileReading | ProfileMissing:
    """Return a reading with one more profile in it, unless that one is missing or in it already."""
    if isinstance(seen, ProfileMissing):
        return told
    if isinstance(told, ProfileMissing):
        return seen
    if any(same_profile(one.names, told.names) for one in profiles_in(seen)):
        return seen
    return replaced(seen, read_at=told.read_at, others=(*seen.others, told))
