"""An operator's word as the body of a stored event, and back."""

import hashlib
import json
from typing import Final

from consent_sync.domain.erasure import DeletionPolicy
from consent_sync.domain.errors import RefusedError, StoreError
from consent_sync.domain.events import DeadLetterWord, ErasureWord, OperatorWord
from consent_sync.domain.identity import Desk, Subject
from consent_sync.domain.moments import Micros
from consent_sync.ports.store import NewEvent

Word = OperatorWord | DeadLetterWord | ErasureWord
"""What somebody of ours can say about a person."""

LEAVES: Final = "erasure.asked"
"""The type of the stored event by which a person leaves the sides before they are erased."""


def body_of(person: str, word: Word) -> bytes:
    """Return the body that keeps a word about one person."""
    said: dict[str, object] = {"person": person, "by": word.by}
    if isinstance(word, ErasureWord):
        said |= {"word": "erase", "policy": word.policy.value}
    elif isinstance(word, DeadLetterWord):
        said |= {"word": "replay" if word.again else "purge", "letters": list(word.letters)}
    else:
        said |= {"word": "approve" if word.approved else "reject", "lines": dict(word.tickets)}
    return json.dumps(said).encode()


def word_event(subject: Subject, kind: str, word: Word, now: Micros) -> NewEvent:
    """Return the event with which a word waits for the person's turn."""
    body = body_of(subject.person, word)
    return NewEvent(
        source=Desk.OPERATOR,
        mapping=subject.mapping,
        type=kind,
        digest=hashlib.blake2b(body, digest_size=16).digest(),
        received_at=now,
        body=body,
        subjects=(subject,),
        # The same word may be needed again once what it was about came back.
        repeatable=True,
    )


def person_of(body: bytes) -> str:
    """Return the person a kept word is about, empty where the body cannot be read."""
    try:
        return str(json.loads(body)["person"])
    except (ValueError, TypeError, KeyError):
        return ""


def word_of(body: bytes) -> Word:
    """Return the word that a body keeps; raise RefusedError when there is none in it.

    Raises StoreError for one of a newer version, so that a newer replica takes it.
    """
    try:
        said = json.loads(body)
        by, word = str(said["by"]), str(said["word"])
        if word == "erase":
            return ErasureWord(by, DeletionPolicy(said["policy"]))
        if word in {"replay", "purge"}:
            letters = tuple(str(one) for one in said["letters"])
            return DeadLetterWord(by, word == "replay", letters)
        if word in {"approve", "reject"}:
            tickets = {str(line): str(ticket) for line, ticket in said["lines"].items()}
            return OperatorWord(by, word == "approve", tickets)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RefusedError(
            f"no operator's word is in it ({type(error).__name__})", code="no-operator-word"
        ) from None
    raise StoreError(
        "an operator's word is of a kind that this program does not know: "
        "a newer version of the program stored it"
    )
