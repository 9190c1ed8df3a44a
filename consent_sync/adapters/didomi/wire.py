"""Between our words and Didomi's JSON, without any network: drafts out, events and users in."""

from collections.abc import Iterable, Sequence

from consent_sync.adapters.didomi.entries import consents_json
from consent_sync.adapters.didomi.models import Entity
from consent_sync.adapters.didomi.moments import event_date, exact_date, read_moment
from consent_sync.adapters.didomi.tree import consent_tree, merged
from consent_sync.domain.events import ConsentEvent, Origin, UserMissing, UserReading
from consent_sync.domain.moments import OPEN, Micros
from consent_sync.ports.platforms import ConsentDraft

DEFAULT_REGULATION = "gdpr"
"""Page "Create consent event": an event without a regulation is a GDPR event."""

_MARK = "sync_origin"
_OURS = "consent-sync"
_PREFIX = "consent_sync_"


def event_json(draft: ConsentDraft, organization_id: str) -> dict[str, object]:
    """Return the body that creates this event (page "Create consent event"); vendors are left out.

    Raise ValueError for an option without the whole list it belongs to.
    """
    return {
        "id": draft.id,
        "created_at": event_date(draft.created_at),
        "organization_id": organization_id,
        "regulation": draft.regulation,
        "user": {"organization_user_id": draft.ouid},
        "consents": consents_json(draft.nodes, draft.picks),
        "metadata": origin_json(draft.origin),
    }


def origin_json(origin: Origin) -> dict[str, object]:
    """Return the event metadata that lets our own event be recognised when it comes back."""
    return {
        _MARK: _OURS,
        _PREFIX + "mapping": origin.mapping,
        _PREFIX + "person": origin.person,
        _PREFIX + "basis": origin.basis,
        _PREFIX + "not_before": _end(origin.not_before),
        _PREFIX + "not_after": _end(origin.not_after),
    }


def read_origin(metadata: object) -> Origin | None:
    """Return the mark of an engine of ours, None when the metadata holds none or half of one."""
    if not isinstance(metadata, dict) or metadata.get(_MARK) != _OURS:
        return None
    words = [metadata.get(_PREFIX + name) for name in ("mapping", "person", "basis")]
    ends = [_read_end(metadata.get(_PREFIX + name)) for name in ("not_before", "not_after")]
    mapping, person, basis = (word if isinstance(word, str) else None for word in words)
    if mapping is None or person is None or basis is None or ends[0] is None or ends[1] is None:
        return None
    return Origin(mapping, person, basis, ends[0], ends[1])


def read_event(entity: Entity, unnamed: str) -> ConsentEvent:
    """Return a consent event; `unnamed` is its id when Didomi sent none."""
    return ConsentEvent(
        id=entity.id or unnamed,
        created_at=read_moment(entity.created_at),
        status=entity.status or "confirmed",
        tree=consent_tree(entity.consents),
        origin=read_origin(entity.metadata),
    )


def read_scalars(metadata: object) -> dict[str, str | int | float | bool]:
    """Return the texts, numbers and booleans of a user's metadata; what is nested is left out."""
    if not isinstance(metadata, dict):
        return {}
    return {str(k): v for k, v in metadata.items() if isinstance(v, str | int | float | bool)}


def read_users(
    records: Sequence[Entity], *, asked_at: Micros, read_at: Micros
) -> UserReading | UserMissing:
    """Return one reading of all records that share an organisation user id (page "Users")."""
    if not records:
        return UserMissing(read_at)
    dates = [read_moment(record.updated_at) for record in records]
    return UserReading(
        asked_at=asked_at,
        read_at=read_at,
        updated_at=max((date for date in dates if date is not None), default=None),
        tree=merged(
            (date, consent_tree(record.consents))
            for date, record in zip(dates, records, strict=True)
        ),
    )


def of_person(records: Iterable[Entity], ouid: str, regulation: str) -> list[Entity]:
    """Return the records that may speak for this person under this regulation.

    Didomi is asked for exactly these; a filter that it ignored must not mix two persons or two
    regulations. It may spell an organisation user id in its own letter case.
    """
    asked = ouid.strip().casefold()
    return [
        record
        for record in records
        if (record.organization_user_id or ouid).strip().casefold() == asked
        and (record.regulation or regulation) == regulation
    ]


def _end(moment: Micros) -> str | None:
    return None if moment == OPEN else exact_date(moment)


def _read_end(text: object) -> Micros | None:
    if text is None:
        return OPEN
    return read_moment(text) if isinstance(text, str) else None
