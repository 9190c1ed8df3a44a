"""What a mapping does to people, in plain sentences; nothing here decides anything."""

from consent_sync.domain.consent import Node
from consent_sync.domain.identity import Normalise
from consent_sync.domain.mapping import AttributeRules, CreateFor, Line, Mapping, SyncMode

_SAME = {
    Normalise.NONE: "is the same text as",
    Normalise.TRIM: "is, but for spaces around it, the same text as",
    Normalise.LOWER: "is, but for letter case and spaces around it, the same text as",
    Normalise.SHA256: "is the SHA-256 hash of",
}


def place_in_words(node: Node) -> str:
    """Return a place in Didomi's tree as one would say it after "agrees to"."""
    if not node.purpose:
        return node.channel
    place = f"the purpose {node.purpose}"
    if node.preference:
        place = f"the preference {node.preference} of the purpose {node.purpose}"
    if node.option:
        return f"{node.option} in {place}"
    return f"{node.channel} for {place}" if node.channel else place


def arrow_of(line: Line, mapping: Mapping) -> str:
    """Return which way a line flows, as one sees it between Didomi, left, and Actito, right."""
    if line.sync is SyncMode.OFF:
        return "x"
    to_actito = line.sync is not SyncMode.TO_DIDOMI
    to_didomi = line.sync is not SyncMode.TO_ACTITO and mapping.enable_webhooks
    return {(True, True): "<->", (True, False): "-->", (False, True): "<--"}.get(
        (to_actito, to_didomi), "x"
    )


def line_in_words(line: Line, mapping: Mapping) -> str:
    """Return what a line does when people choose."""
    place = place_in_words(line.node)
    change = "unsubscribed from" if line.inverted else "subscribed to"
    if line.sync is SyncMode.OFF:
        return (
            f"{line.id} in Actito and {place} in Didomi are not kept the same: "
            "choices are written down, nothing is sent."
        )
    if line.sync is SyncMode.TO_DIDOMI:
        return _to_didomi(line, place, mapping)
    agreed = f"When someone agrees to {place} in Didomi, they are {change} {line.id} in Actito"
    if line.sync is SyncMode.TO_ACTITO or not mapping.enable_webhooks:
        return (
            f"{agreed}; when they refuse, the opposite. "
            "Nothing is written to Didomi, and a refusal made in Actito is respected."
        )
    if line.sync is SyncMode.TWO_WAY_STRICT:
        return (
            f"{agreed}, and back. A refusal travels the same ways. "
            "Whoever refused on one side comes back only by agreeing on that same side."
        )
    return (
        f"{agreed}, and back. A refusal travels the same ways. "
        "The newest choice counts on both sides."
    )


def mapping_in_words(mapping: Mapping) -> tuple[str, ...]:
    """Return what holds for all lines of a mapping."""
    return (
        f"{mapping.contact} answers for this mapping.",
        f"It connects the Didomi organisation {mapping.organization_id} with the profile table "
        f"{mapping.table} of the Actito entity {mapping.entity}"
        + (f", with the credentials of the account {mapping.account}." if mapping.account else "."),
        "Somebody is the same person on both sides when Didomi's organization user ID "
        f"{_SAME[mapping.normalise]} {mapping.key_attribute} in Actito.",
        f"Choices under {_listed(mapping.regulations)} count; those under any other regulation "
        "are written down and go nowhere.",
        _unknown_in_actito(mapping),
        _unknown_in_didomi(mapping),
        _attributes(mapping.attributes),
    )


def _to_didomi(line: Line, place: str, mapping: Mapping) -> str:
    if not mapping.enable_webhooks:
        return (
            f"{line.id} in Actito and {place} in Didomi are not kept the same: the line flows to "
            "Didomi only, and `enable_webhooks: false` closes that way."
        )
    change = "unsubscribes from" if line.inverted else "subscribes to"
    return (
        f"When someone {change} {line.id} in Actito, Didomi is told that they agree to {place}; "
        "when they do the opposite, that they refuse. "
        "Nothing is written to Actito, and a refusal made in Didomi is respected."
    )


def _unknown_in_actito(mapping: Mapping) -> str:
    if not mapping.upsert_mode:
        return "Who has no profile in Actito gets none; their choices are written down."
    if mapping.create_for is CreateFor.GRANTED:
        return "Who has no profile in Actito gets one with the first agreement."
    return "Who has no profile in Actito gets one with the first choice, even a refusal."


def _unknown_in_didomi(mapping: Mapping) -> str:
    if mapping.create_in_didomi:
        return "Who is not known to Didomi is made known by a choice in Actito."
    return "Who is not known to Didomi is not made known by a choice in Actito."


def _attributes(rules: AttributeRules) -> str:
    if rules.allow is not None:
        passing = sorted(rules.allow - rules.deny)
        said = f"Only this metadata of a Didomi user reaches Actito: {_listed(passing) or 'none'}"
    elif rules.deny:
        said = f"All metadata of a Didomi user reaches Actito, but {_listed(sorted(rules.deny))}"
    else:
        said = "All metadata of a Didomi user reaches Actito as attributes of the same names"
    renamed = [f"{key} is called {name}" for key, name in sorted(rules.rename.items())]
    return f"{said}; {_listed(renamed)} there." if renamed else f"{said}."


def _listed(words: tuple[str, ...] | list[str]) -> str:
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
