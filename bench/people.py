"""Invented people and what platforms say about them: a 2 kB Didomi event each, and an opt-out."""

import json
from datetime import UTC, datetime
from typing import Final

SECRET: Final = "an-invented-secret-of-forty-characters-01"
"""What Didomi sends in `X-Webhook-Secret`."""

RUN: Final = "RRRRRRRR"
NUMBER: Final = "NNNNNNNNNNNN"
"""Stand in a template for the run (8 letters or digits) and the number of a person (12 digits)."""

_PURPOSES: Final = (
    "analytics",
    "personalisation",
    "geolocation",
    "profiling",
    "partners-offers",
    "surveys",
    "social-media",
    "call-centre",
)


def template(run: str, *, email: bool = False) -> str:
    """Return an `event.created` of about 2 kB (v2), made now, with NUMBER where the person's goes.

    Of the sample mapping it names one line, the channel `email`.
    """
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:23] + "Z"
    event = {
        "type": "event.created",
        "regulation": "gdpr",
        "parameters": {
            "entity": {
                "id": f"{RUN}-e000-4000-8000-{NUMBER}",
                "organization_id": "acme",
                "created_at": now,
                "updated_at": now,
                "status": "confirmed",
                "regulation": "gdpr",
                "user": {
                    "id": f"{RUN}-a000-4000-8000-{NUMBER}",
                    "organization_user_id": f"p{RUN}{NUMBER}@example.com",
                    "last_seen_country": "BE",
                    "metadata": {"language": "nl", "entry": "preference-centre"},
                },
                "consents": {
                    "channels": [
                        {"id": "email", "enabled": email},
                        {"id": "post", "enabled": None},
                        {"id": "phone", "enabled": None},
                    ],
                    "purposes": [_purpose(number, name) for number, name in enumerate(_PURPOSES)],
                    "vendors": [
                        {"id": f"c:vendor-{number:02}", "enabled": number % 2 == 0}
                        for number in range(12)
                    ],
                },
                "metadata": {"page": "preferences", "form": "long", "experiment": "b"},
                "domain": "preferences.example.com",
                "proofs": [],
            }
        },
    }
    return json.dumps(event, separators=(",", ":")).replace(RUN, run)


def body(form: str, number: int) -> bytes:
    """Return the event of one person from a template."""
    return form.replace(NUMBER, f"{number:012}").encode()


def ouid(run: str, number: int) -> str:
    """Return the organisation user id of that person."""
    return f"p{run}{number:012}@example.com"


def _purpose(number: int, name: str) -> dict[str, object]:
    return {
        "id": name,
        "enabled": number % 3 != 0,
        "values": {"frequency": {"value": "weekly"}, "topics": {"value": "sport,news,culture"}},
    }
