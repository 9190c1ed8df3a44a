"""Builds Didomi webhook bodies of invented people."""

import orjson

Json = dict[str, object]

OUID = "user-123@example.com"
EVENT_ID = "5f0c7d2e-0000-4000-8000-000000000001"


def event(**changes: object) -> Json:
    entity: Json = {
        "id": EVENT_ID,
        "created_at": "2026-03-01T10:15:00Z",
        "status": "confirmed",
        "user": {"organization_user_id": OUID, "metadata": {"brand": "north"}},
        "consents": {"purposes": [{"id": "marketing", "enabled": True}]},
    }
    return {**entity, **changes}


def user(**changes: object) -> Json:
    entity: Json = {
        "id": "8b1f0000-0000-4000-8000-00000000abcd",
        "organization_user_id": OUID,
        "version": 7,
        "updated_at": "2026-03-01T10:15:01Z",
        "metadata": {"brand": "north"},
        "consents": {"channels": [{"id": "email", "enabled": False}]},
    }
    return {**entity, **changes}


def envelope(kind: str, regulation: str | None = "gdpr", **parameters: object) -> Json:
    shown: Json = {"type": kind, "parameters": parameters}
    return shown if regulation is None else {**shown, "regulation": regulation}


def body(value: object) -> bytes:
    return orjson.dumps(value)


def created(**changes: object) -> bytes:
    return body(envelope("event.created", entity=event(**changes)))
