"""The words that stand for our enumerations in the database."""

from typing import Final

from consent_sync.domain.consent import Choice, WriteOutcome
from consent_sync.domain.errors import StoreError
from consent_sync.domain.identity import Desk, Side, Source, source_of
from consent_sync.domain.state import Presence

SIDE: Final = {Side.DIDOMI: "d", Side.ACTITO: "a"}
SOURCE: Final[dict[Source, str]] = {
    Side.DIDOMI: "d",
    Side.ACTITO: "a",
    Desk.FILE: "f",
    Desk.OPERATOR: "o",
}
CHOICE: Final = {Choice.GRANTED: "g", Choice.DENIED: "d", Choice.NONE: "n"}
OUTCOME: Final = {
    WriteOutcome.IN_FLIGHT: "i",
    WriteOutcome.SENT: "s",
    WriteOutcome.UNCLEAR: "u",
    WriteOutcome.CONFIRMED: "c",
}
PRESENCE: Final = {Presence.UNKNOWN: "u", Presence.PRESENT: "p", Presence.MISSING: "m"}

SIDE_OF: Final = {code: side for side, code in SIDE.items()}
SOURCE_OF: Final = {code: source for source, code in SOURCE.items()}
CHOICE_OF: Final = {code: choice for choice, code in CHOICE.items()}
OUTCOME_OF: Final = {code: outcome for outcome, code in OUTCOME.items()}
PRESENCE_OF: Final = {code: presence for presence, code in PRESENCE.items()}


def source_named(text: str) -> Source:
    """Return where a stored event comes from; raise StoreError when this program does not know."""
    try:
        return source_of(text)
    except ValueError as error:
        raise StoreError(f"{error}: a newer version of the program stored this event") from error
