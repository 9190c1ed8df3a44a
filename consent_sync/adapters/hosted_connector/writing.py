"""Writes a configuration as a mapping file with remarks; no secret is ever among what it is given."""

from collections.abc import Iterator

from consent_sync.adapters.hosted_connector.configuration import Configuration, HostedLine
from consent_sync.adapters.mapping_files.scalars import scalar, selector


def mapping_text(content: Configuration, *, name: str, contact: str, source: str) -> str:
    """Return the mapping file as text; a path that means several things is left as a remark."""
    lines = [
        "# yaml-language-server: $schema=mapping.schema.json",
        "#",
        f"# Made from {_remark(source)}, a configuration of the hosted connector.",
        "# Read it before it counts: consent-sync validate, then consent-sync describe.",
        *(f"# Not carried over: {_remark(one)}." for one in content.left_out),
        "",
        f"name: {scalar(name)}",
        _said("contact", contact, "who answers for this file"),
        "",
        "didomi:",
        _said("  organization_id", content.organization_id, "Didomi's organization ID"),
        "  regulations: [gdpr]              # choices under any other regulation go nowhere",
        "",
        "actito:",
        _said("  entity_id", content.entity_id, "the Actito entity"),
        _said("  table_name", content.table_name, "the profile table"),
        _said("  user_unique_key", content.user_unique_key, "holds Didomi's organization user ID"),
        "",
        _switch("upsert_mode", content.upsert_mode, "may profiles be created in Actito?"),
        _switch("enable_webhooks", content.enable_webhooks, "the way back, from Actito to Didomi"),
        "",
        "mappings:",
        *(text for line in content.lines for text in _line(line)),
    ]
    if content.renames:
        lines += [
            "",
            "# All metadata is passed on, as the hosted connector does; `allow` says less.",
        ]
        lines += ["attributes:", "  rename:"]
        renames = content.renames.items()
        lines += [f"    {scalar(key)}: {scalar(attribute)}" for key, attribute in renames]
    else:
        lines += [
            "",
            "# Every metadata key is passed on, as the hosted connector does; to pass less:",
        ]
        lines += ["# attributes: {allow: [brand, tier]}"]
    return "\n".join(lines) + "\n"


def _line(line: HostedLine) -> Iterator[str]:
    if len(line.nodes) == 1:
        yield f"  - id: {scalar(line.id)}"
        yield f"    value: {selector(line.nodes[0])}   # {_remark(line.path)}"
        return
    yield f"  # {_remark(line.path)} can mean several things; keep the one that is meant:"
    for node in line.nodes:
        yield f"  # - id: {scalar(line.id)}"
        yield f"  #   value: {selector(node)}"


def _said(key: str, value: str, remark: str) -> str:
    start = f"{key}: {scalar(value)}" if value else f"{key}:"
    missing = "" if value else "TO FILL IN: "
    return f"{start:<34} # {missing}{remark}"


def _switch(key: str, on: bool, remark: str) -> str:
    said = f"{key}: {'true' if on else 'false'}"
    return f"{said:<34} # {remark}"


def _remark(text: str) -> str:
    """Return a text that stays on the line of its remark."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)
