"""Mappings for tests: one line of every shape, invented names."""

from typing import Any

from consent_sync.domain.consent import Node
from consent_sync.domain.mapping import Line, Mapping, SyncMode

EMAIL = Node(channel="email")
MARKETING = Node(purpose="marketing")
SPORT = Node(purpose="marketing", preference="topics", option="sport")
NEWS = Node(purpose="marketing", preference="topics", option="news")
SMS = Node(purpose="marketing", preference="deals", channel="sms")


def a_mapping(*lines: Line, **changes: Any) -> Mapping:
    """Return a mapping with these lines, or with one two-way line on the e-mail channel."""
    values: dict[str, Any] = {
        "name": "brand-a",
        "version": "0123456789ab",
        "file": "brand-a.yaml",
        "contact": "privacy@example.com",
        "organization_id": "acme",
        "regulations": ("gdpr",),
        "entity": "acme",
        "table": "Customers",
        "key_attribute": "customerId",
        "lines": lines or (a_line(),),
        **changes,
    }
    return Mapping(**values)


def a_line(
    name: str = "Newsletter",
    node: Node = EMAIL,
    sync: SyncMode = SyncMode.TWO_WAY,
    *,
    inverted: bool = False,
    number: int = 14,
) -> Line:
    """Return one line."""
    return Line(name, node, sync, inverted, number)
