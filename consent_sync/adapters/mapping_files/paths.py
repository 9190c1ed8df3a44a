"""The hosted connector's underscore paths, and why most of them read in more than one way.

Didomi publishes examples of these paths and no grammar (Didomi, connector pages "Actito",
"Salesforce Marketing Cloud", "Adobe Campaign Classic"). Ids may hold underscores, so the words
between them may belong to an id. A path counts only when it has exactly one reading.
"""

from collections.abc import Iterator
from typing import Final

from consent_sync.adapters.mapping_files.problems import nearest_word
from consent_sync.domain.consent import Node

_END: Final = "_enabled"
_CHANNELS: Final = "consents_channels_"
_PURPOSES: Final = "consents_purposes_"
_CHANNEL_MARKS: Final = ("_channels_", "_channel_")
_PREFERENCE_MARKS: Final = ("_preferences_",)


def readings(path: str) -> tuple[Node, ...]:
    """Return every node the path can mean, the plainest reading first; none for no known path."""
    body = path.removesuffix(_END)
    if body == path or any(char.isspace() for char in path):
        return ()
    if body.startswith(_CHANNELS) and body != _CHANNELS:
        return (Node(channel=body.removeprefix(_CHANNELS)),)
    if body.startswith(_PURPOSES) and body != _PURPOSES:
        return tuple(_below_purposes(body.removeprefix(_PURPOSES)))
    return ()


def selector_text(node: Node) -> str:
    """Return the node as a selector that can stand in a mapping file."""
    parts = ("purpose", "preference", "option", "channel")
    given = [f"{part}: {getattr(node, part)}" for part in parts if getattr(node, part)]
    return "{" + ", ".join(given) + "}"


def likely_path(path: str) -> str:
    """Return the path with its fixed words spelled right if that makes it one; else empty."""
    words = path.split("_")
    if len(words) < 4:
        return ""
    words[0] = nearest_word(words[0], ["consents"]) or words[0]
    words[1] = nearest_word(words[1], ["purposes", "channels"]) or words[1]
    words[-1] = nearest_word(words[-1], ["enabled"]) or words[-1]
    repaired = "_".join(words)
    return repaired if repaired != path and readings(repaired) else ""


def why_no_path(path: str) -> str:
    """Say what was expected in place of a text that is no path to a choice."""
    if path.startswith("consents_preferences_"):
        return "the purpose too: write {purpose: …, preference: …}"
    if path.startswith("user_"):
        return "a path to a choice; what the user is called is set by user_unique_key"
    return "consents_channels_ID_enabled or consents_purposes_ID_enabled"


def _below_purposes(body: str) -> Iterator[Node]:
    yield Node(purpose=body)
    for purpose, channel in _cuts(body, _CHANNEL_MARKS):
        yield Node(purpose=purpose, channel=channel)
    for purpose, rest in _cuts(body, _PREFERENCE_MARKS):
        yield Node(purpose=purpose, preference=rest)
        for preference, channel in _cuts(rest, _CHANNEL_MARKS):
            yield Node(purpose=purpose, preference=preference, channel=channel)


def _cuts(text: str, marks: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield every way to cut the text in two at a mark with something on both sides."""
    for mark in marks:
        at = text.find(mark, 1)
        while at != -1:
            if at + len(mark) < len(text):
                yield text[:at], text[at + len(mark) :]
            at = text.find(mark, at + 1)
