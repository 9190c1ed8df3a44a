"""Telling people outside that something is wrong, or right again."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from consent_sync.domain.alerts import Alert


class Message(NamedTuple):
    """One change of one alert. The same change has the same `id`, whoever tells it and how often."""

    id: str
    alert: Alert


class Messenger(Protocol):
    """Whoever carries messages to the receivers in the settings."""

    @property
    def receivers(self) -> Sequence[str]:
        """Return the receivers by names that may be logged and do not change with their order."""
        ...

    async def tell(self, receiver: str, message: Message) -> None:
        """Return when the receiver has taken it; raise ConsentSyncError otherwise."""
        ...
