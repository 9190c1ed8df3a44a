"""One client per distinct account, and the platforms that pick it by the mapping's account."""

from collections.abc import Callable, Sequence
from collections.abc import Mapping as MappingView
from typing import Generic, TypeVar

from consent_sync.adapters.actito.bulk import LEAST_ROWS, BulkLimits
from consent_sync.adapters.actito.client import ActitoClient
from consent_sync.adapters.actito.settings import ActitoSettings
from consent_sync.adapters.didomi.client import DidomiClient
from consent_sync.adapters.didomi.session import DidomiSettings
from consent_sync.app.setting_reading import account_key
from consent_sync.app.settings import Settings
from consent_sync.domain.consent import ConsentTree
from consent_sync.domain.events import ProfileMissing, ProfileReading, UserMissing, UserReading
from consent_sync.domain.hooks import WebhookRegistration
from consent_sync.domain.identity import Side
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.profile import ProfileChange, TableStructure
from consent_sync.ports.lists import ListedEvent, ListedUser, UserList, UserLook
from consent_sync.ports.platforms import ConsentDraft
from consent_sync.services.circuits import Break, Circuit

Client = TypeVar("Client")


def owner(settings: Settings, account: str) -> str:
    """Return the account whose variables hold for a mapping; empty for the plain ones."""
    key = account_key(account)
    return key if key in settings.overrides else ""


def actito_settings(settings: Settings) -> ActitoSettings:
    """Return what the Actito client of this account must know."""
    return ActitoSettings(
        api_url=settings.actito_api_url,
        api_key=settings.actito_api_key,
        profiles_prefix=settings.actito_profiles_prefix,
        calls_per_minute=settings.actito_calls_per_minute,
        max_concurrency=settings.actito_max_concurrency,
        timezone=settings.actito_timezone,
    )


def didomi_settings(settings: Settings) -> DidomiSettings:
    """Return what the Didomi client of this account must know."""
    return DidomiSettings(
        settings.didomi_api_url, settings.didomi_api_key, settings.didomi_api_secret
    )


def calls_a_minute(settings: Settings) -> int:
    """Return how many calls a minute all Actito accounts allow together, 0 for any number."""
    own = {
        actito_settings(settings.account(name)).account: settings.account(name)
        for name in ("", *settings.accounts)
    }
    paces = [one.actito_calls_per_minute for one in own.values()]
    return sum(paces) if all(paces) else 0


def bulk_limits(settings: Settings) -> BulkLimits:
    """Return how much of this account goes into one import, and how often."""
    return BulkLimits(
        most_rows=settings.actito_bulk_rows,
        least_rows=min(LEAST_ROWS, settings.actito_bulk_rows),
        imports_per_day=settings.actito_imports_per_day,
    )


class Accounts(Generic[Client]):
    """Clients by account; accounts with the same credentials share one, its token and its pace."""

    def __init__(
        self,
        settings: Settings,
        clients: MappingView[str, Client],
        circuits: MappingView[str, Circuit],
    ) -> None:
        self._settings = settings
        self._clients = clients
        self._circuits = circuits

    def of(self, mapping: Mapping) -> Client:
        """Return the client for a mapping."""
        return self._clients[owner(self._settings, mapping.account)]

    def circuit(self, mapping: Mapping) -> Circuit:
        """Return the breaker that a mapping's calls go through."""
        return self._circuits[owner(self._settings, mapping.account)]

    def breaks(self) -> tuple[Break, ...]:
        """Return what is not called now, over all accounts."""
        each = dict.fromkeys(self._circuits.values())
        return tuple(one for circuit in each for one in circuit.breaks())

    def all(self) -> MappingView[str, Client]:
        """Return every client by account; the plain account has an empty name."""
        return self._clients


class ActitoAccounts(Accounts[ActitoClient]):
    """The Actito side over all accounts (ports.platforms.ProfilePlatform)."""

    async def read_by_key(self, mapping: Mapping, key: str) -> ProfileReading | ProfileMissing:
        """Read one profile by the mapping's unique key."""
        return await self.circuit(mapping).through(
            mapping.name, lambda: self.of(mapping).read_by_key(mapping, key)
        )

    async def read_by_id(
        self, mapping: Mapping, profile_id: str
    ) -> ProfileReading | ProfileMissing:
        """Read one profile by Actito's number."""
        return await self.circuit(mapping).through(
            mapping.name, lambda: self.of(mapping).read_by_id(mapping, profile_id)
        )

    async def update(
        self, mapping: Mapping, key: str, change: ProfileChange, *, after_look: bool
    ) -> str:
        """Change an existing profile."""
        return await self.circuit(mapping).through(
            mapping.name,
            lambda: self.of(mapping).update(mapping, key, change, after_look=after_look),
            write=True,
        )

    async def create(self, mapping: Mapping, key: str, change: ProfileChange) -> str:
        """Create a profile."""
        return await self.circuit(mapping).through(
            mapping.name, lambda: self.of(mapping).create(mapping, key, change), write=True
        )

    async def delete(self, mapping: Mapping, key: str) -> None:
        """Delete a profile."""
        await self.of(mapping).delete(mapping, key)

    async def structure(self, mapping: Mapping) -> TableStructure:
        """Return the profile table's structure."""
        return await self.of(mapping).structure(mapping)

    async def webhooks(self, mapping: Mapping) -> list[WebhookRegistration]:
        """Return the webhooks of the mapping's table, with what is known of their secrets."""
        own = self._settings.account(mapping.account)
        return await self.of(mapping).webhooks(mapping, own.actito_webhook_secrets)

    def open_bulk(self, wanted: bool) -> None:
        """Let what needs no look go together, or one by one again."""
        for client in self.all().values():
            client.bulk.open = wanted

    def heed(self, paused: Callable[[str], frozenset[Side]]) -> None:
        """Import nothing of a mapping that is paused."""
        for client in self.all().values():
            client.bulk.paused = lambda mapping: Side.ACTITO in paused(mapping)

    def finish(self) -> None:
        """Begin no more imports."""
        for client in self.all().values():
            client.bulk.finish()

    async def stop(self) -> None:
        """Give up the imports under way."""
        for client in dict.fromkeys(self.all().values()):
            await client.bulk.stop()

    def room(self) -> int | None:
        """Return how many turns at once make sense at the pace of all accounts, None for any."""
        rooms = [client.room() for client in dict.fromkeys(self.all().values())]
        known = [room for room in rooms if room is not None]
        return sum(known) if len(known) == len(rooms) else None


class Together:
    """The opt-outs that wait for others, over all Actito accounts (services.worker.Together)."""

    def __init__(self, accounts: ActitoAccounts) -> None:
        self._clients = tuple(dict.fromkeys(accounts.all().values()))

    def room(self) -> int:
        """Return how many more may wait."""
        return sum(client.room_together() for client in self._clients)

    def waiting(self) -> int:
        """Return how many do."""
        return sum(client.bulk.waiting for client in self._clients)


class DidomiAccounts(Accounts[DidomiClient]):
    """The Didomi side over all accounts (ports.platforms.ConsentPlatform)."""

    async def read_user(
        self, mapping: Mapping, ouid: str, regulation: str
    ) -> UserReading | UserMissing:
        """Read the state of one organisation user id."""
        return await self.circuit(mapping).through(
            mapping.name, lambda: self.of(mapping).read_user(mapping, ouid, regulation)
        )

    async def send_events(self, mapping: Mapping, drafts: Sequence[ConsentDraft]) -> None:
        """Create these events."""
        await self.circuit(mapping).through(
            mapping.name, lambda: self.of(mapping).send_events(mapping, drafts), write=True
        )

    async def delete_user(self, mapping: Mapping, ouid: str) -> None:
        """Delete every record of one organisation user id."""
        await self.of(mapping).delete_user(mapping, ouid)

    async def list_users(self, mapping: Mapping, cursor: str | None) -> UserList:
        """Return a page of all users."""
        return await self.of(mapping).lists.list_users(mapping, cursor)

    async def look_at_user(self, mapping: Mapping, ouid: str) -> UserLook:
        """Return one organisation user id with all its records."""
        return await self.of(mapping).lists.look_at_user(mapping, ouid)

    def user_webhook(self, mapping: Mapping, user: ListedUser, told: ConsentTree) -> bytes:
        """Return the webhook that would show this user with these choices and no others."""
        return self.of(mapping).lists.user_webhook(mapping, user, told)

    async def list_events(self, mapping: Mapping, ouid: str) -> tuple[ListedEvent, ...]:
        """Return the events of one organisation user id."""
        return await self.of(mapping).lists.list_events(mapping, ouid)
