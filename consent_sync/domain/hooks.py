"""Our webhooks on Actito: which a mapping needs, and what is wrong with those there are.

Pages "Using Webhooks", "Opt-in & preferences management": one webhook for each kind of event.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from consent_sync.domain.mapping import Mapping

NEEDED_EVENTS: Final = ("CREATE", "UPDATED_SUBSCRIPTION")
"""Who subscribes or not, and who gets a profile after Didomi has spoken of them."""

SECRET_HEADER: Final = "X-Webhook-Secret"


@dataclass(frozen=True, slots=True)
class WebhookRegistration:
    """One webhook that Actito has registered for a profile table.

    `fields` empty = not filtered. Of the headers only the names are kept, because a value is a
    secret; `accepted` says whether we accept the secret, None where Actito does not show it.
    """

    id: str
    event_type: str
    target_url: str
    fields: tuple[str, ...]
    headers: frozenset[str]
    push_type: str
    active: bool
    accepted: bool | None = None


@dataclass(frozen=True, slots=True)
class HookFault:
    """What is wrong with the webhook for one kind of event.

    `id` is the registration to repair, empty where one has to be made.
    """

    event: str
    words: str
    id: str = ""


def hook_path(mapping: Mapping) -> str:
    """Return the path that Actito has to post to."""
    return f"/webhooks/actito/{mapping.name}"


def hook_fields(mapping: Mapping, event: str) -> tuple[str, ...]:
    """Return what a webhook is filtered by: the subscriptions of the mapping, or nothing."""
    return () if event == "CREATE" else tuple(line.id for line in mapping.lines)


def hook_faults(
    mapping: Mapping, listed: Sequence[WebhookRegistration], public_url: str = ""
) -> tuple[HookFault, ...]:
    """Return what keeps Actito's webhooks from us, one per kind of event at most.

    Without our own address any that ends in our path counts as ours. A mapping that wants no
    webhooks lacks none.
    """
    if not mapping.enable_webhooks:
        return ()
    path = hook_path(mapping)
    ours = [one for one in listed if one.target_url.rstrip("/").endswith(path)]
    found = (_fault(mapping, event, ours, public_url) for event in NEEDED_EVENTS)
    return tuple(one for one in found if one is not None)


def _fault(
    mapping: Mapping, event: str, ours: Sequence[WebhookRegistration], public_url: str
) -> HookFault | None:
    """Return nothing where one registration is all right, else what the best one lacks."""
    of_event = [one for one in ours if one.event_type == event]
    if not of_event:
        return HookFault(
            event, f"no webhook for {event} on this table ends in {hook_path(mapping)}"
        )
    lacking = [(_lacks(mapping, one, public_url), one.id) for one in of_event]
    words, number = min(lacking, key=lambda one: (len(one[0]), one[1]))
    return (
        HookFault(event, f"the webhook for {event} {' and '.join(words)}", number)
        if words
        else None
    )


def _lacks(mapping: Mapping, one: WebhookRegistration, public_url: str) -> list[str]:
    words = []
    if not one.active:
        words.append("is switched off")
    if public_url and one.target_url != public_url.rstrip("/") + hook_path(mapping):
        words.append(f"leads to {one.target_url.partition('?')[0]}")
    if SECRET_HEADER.lower() not in map(str.lower, one.headers):
        words.append(f"sends no {SECRET_HEADER}, so it is refused")
    elif one.accepted is False:
        words.append(f"sends a {SECRET_HEADER} that is not ours, so it is refused")
    if one.fields and one.event_type != "CREATE":
        lost = [line.id for line in mapping.lines if line.id not in one.fields]
        if lost:
            words.append(f"leaves out {', '.join(lost)}")
    return words
