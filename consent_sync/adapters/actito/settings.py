"""What the client must know about one Actito account."""

from dataclasses import dataclass, field
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class ActitoSettings:
    """One account: address, key, and how gently to call.

    The prefixes are the API categories before the version in URLs (manual, "API Reference
    Reorganization") and may be empty. `calls_per_minute` 0 means no pacing. `timezone` is the
    zone of the dates sent, which Actito writes without one.
    """

    api_url: str
    api_key: str = field(repr=False)
    profiles_prefix: str = "profiles"
    structure_prefix: str = "profile-table-structure"
    webhooks_prefix: str = "webhooks"
    entities_prefix: str = "entities"
    imports_prefix: str = "mass-imports"
    calls_per_minute: int = 90
    max_concurrency: int = 3
    timezone: str = "Europe/Brussels"

    @property
    def account(self) -> bytes:
        """What stands for this account where replicas share its quota; tells nothing of the key."""
        return blake2b(f"{self.api_url}\0{self.api_key}".encode(), digest_size=16).digest()
