"""Alerts as plain data, for the API and the commands."""

from collections.abc import Iterable

from consent_sync.domain.alerts import Alert
from consent_sync.services.lookup import iso_or_none


def alerts_view(alerts: Iterable[Alert]) -> list[dict[str, object]]:
    """Return alerts as plain data, their moments as ISO 8601; null = about everything."""
    return [
        {
            "alert": one.name,
            "about": one.about or None,
            "since": iso_or_none(one.at),
            "detail": one.detail,
        }
        for one in alerts
    ]
