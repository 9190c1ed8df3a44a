"""An operator's word as the body of a stored event, and back."""

import json

from consent_sync.domain.errors import RefusedError
from consent_sync.domain.events import OperatorWord


def body_of(person: str, word: OperatorWord) -> bytes:
    """Return the body that keeps a word about one person."""
    said = {
        "person": person,
        "by": word.by,
        "word": "approve" if word.approved else "reject",
        "lines": dict(word.tickets),
    }
    return json.dumps(said).encode()


def person_of(body: bytes) -> str:
    """Return the person a kept word is about, empty where the body cannot be read."""
    try:
        return str(json.loads(body)["person"])
    except (ValueError, TypeError, KeyError):
        return ""


def word_of(body: bytes) -> OperatorWord:
    """Return the word that a body keeps; raise RefusedError when there is none in it."""
    try:
        said = json.loads(body)
        tickets = {str(line): str(ticket) for line, ticket in said["lines"].items()}
        return OperatorWord(str(said["by"]), said["word"] == "approve", tickets)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RefusedError(
            f"no operator's word is in it ({type(error).__name__})", code="no-operator-word"
        ) from None
