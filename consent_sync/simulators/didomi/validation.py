"""Which ids an event may name, as the page "Consent event schema" describes the validation of end-user choices."""

from collections.abc import Iterator

from consent_sync.simulators.didomi.organisation import Organisation, Preference
from consent_sync.simulators.didomi.switches import Switches
from consent_sync.simulators.didomi.wire import ConsentsBody, JsonObject, PurposeEntry


def problems(body: ConsentsBody, organisation: Organisation, switches: Switches) -> JsonObject:
    """Return what is wrong with an event's choices, by place; empty when it is acceptable."""
    found: JsonObject = {}
    for entry in body.purposes or ():
        found.update(_generation(entry, switches))
        if switches.unknown_ids == "reject":
            found.update(_unknown(entry, organisation))
    return found


def _generation(entry: PurposeEntry, switches: Switches) -> Iterator[tuple[str, str]]:
    place = f"consents.purposes.{entry.id}"
    if switches.api_generation == "v1":
        if entry.values:
            yield f"{place}.values", "values are not available to this organization"
    elif entry.preferences and switches.disable_preferences_in_consents:
        yield f"{place}.preferences", "preferences are disabled for this organization; use values"


def _unknown(entry: PurposeEntry, organisation: Organisation) -> Iterator[tuple[str, str]]:
    place = f"consents.purposes.{entry.id}"
    purpose = organisation.purpose(entry.id)
    if purpose is None:
        yield place, f"unknown purpose {entry.id!r}"
        return
    for preference_id, value in (entry.values or {}).items():
        where = f"{place}.values.{preference_id}"
        preference = organisation.preference(preference_id)
        if preference is None or preference_id not in purpose.preferences:
            yield where, f"unknown preference {preference_id!r}"
        else:
            yield from _bad_values(where, preference, value.selection())
    for item in entry.preferences or ():
        if item.id not in purpose.preferences:
            yield f"{place}.preferences.{item.id}", f"unknown preference {item.id!r}"


def _bad_values(
    where: str, preference: Preference, chosen: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    unknown = [value for value in chosen if value not in preference.values]
    if unknown:
        yield where, f"unknown values {', '.join(unknown)}"
    if preference.type == "single" and len(chosen) > 1:
        yield where, f"a single choice, but {len(chosen)} values were sent"
