"""All that a simulated licence holds, in memory, with one door for every change; no I/O."""

from collections.abc import Callable, Mapping

from pydantic import JsonValue

from consent_sync.simulators.actito.profiles import Change, Origin, Profile, Write
from consent_sync.simulators.actito.refusal import RefusalError
from consent_sync.simulators.actito.structure import EntitySpec, WorldSpec
from consent_sync.simulators.actito.switches import Switches
from consent_sync.simulators.actito.table import Key, Saved, Table


class Entity:
    """One entity with its profile tables, by name."""

    def __init__(self, spec: EntitySpec, switches: Switches) -> None:
        self.id = spec.id
        self.name = spec.name
        self.comment = spec.comment
        self.tables = {table.name: Table(spec.name, table, switches) for table in spec.tables}

    def table(self, name_or_id: str) -> Table:
        """Return a table by its name or its numeric id; raises RefusalError 404."""
        found = self.tables.get(name_or_id)
        if found is not None:
            return found
        for table in self.tables.values():
            if table.id == name_or_id:
                return table
        raise RefusalError(404, f"no such table {name_or_id!r}")


class World:
    """Entities and profiles; every change is told to `on_change`, whatever its origin."""

    def __init__(
        self,
        spec: WorldSpec,
        switches: Switches,
        now: Callable[[], float],
        on_change: Callable[[Change], None] | None = None,
    ) -> None:
        self.switches = switches
        self.now = now
        self.on_change = on_change
        self.entities: dict[str, Entity] = {}
        self.fill(spec)

    def fill(self, spec: WorldSpec) -> None:
        """Forget everything and start again from a description, silently; raises RefusalError for unfit profiles."""
        self.entities = {each.name: Entity(each, self.switches) for each in spec.entities}
        for entity in spec.entities:
            for table in entity.tables:
                for seed in table.profiles:
                    write = Write(seed.attributes, seed.subscriptions, origin=Origin.SEED)
                    self.table(entity.name, table.name).create(write, self.now())

    def entity(self, name: str) -> Entity:
        """Return an entity by name, never by id; raises RefusalError 404."""
        try:
            return self.entities[name]
        except KeyError:
            raise RefusalError(404, f"no such entity {name!r}") from None

    def table(self, entity: str, table: str) -> Table:
        """Return a table by the names (or the table's id); raises RefusalError 404."""
        return self.entity(entity).table(table)

    def create(self, table: Table, write: Write) -> Saved:
        """Create a profile and tell of it; raises RefusalError."""
        return self._told(table.create(write, self.now()))

    def update(self, table: Table, profile: Profile, write: Write) -> Saved:
        """Update a profile and tell of it; raises RefusalError."""
        return self._told(table.update(profile, write, self.now()))

    def upsert(self, table: Table, write: Write, key: Key | None = None) -> Saved:
        """Update the profile that the key, or else the unique values of the write, name; create it when absent."""
        profile = table.match(write.attributes) if key is None else table.find(key)
        if profile is None:
            return self.create(table, write)
        return self.update(table, profile, write)

    def delete(self, table: Table, profile: Profile, origin: Origin) -> Change:
        """Delete a profile and tell of it."""
        change = table.delete(profile, origin)
        self._tell(change)
        return change

    def subscriptions(
        self, key: str | int, *, entity: str | None = None, table: str | None = None
    ) -> dict[str, bool]:
        """Return what a profile holds, for assertions: only names that were ever set; raises RefusalError 404."""
        return dict(self.profile(key, entity=entity, table=table).subscriptions)

    def profile(
        self, key: str | int, *, entity: str | None = None, table: str | None = None
    ) -> Profile:
        """Return a profile by id or `attribute=value`, in the first table unless named; raises RefusalError 404."""
        return self.pick(entity, table).get(as_key(key))

    def pick(self, entity: str | None = None, table: str | None = None) -> Table:
        """Return a table by names, or the first one; raises RefusalError 404."""
        home = self.entity(entity) if entity else next(iter(self.entities.values()))
        return home.table(table) if table else next(iter(home.tables.values()))

    def seed(
        self,
        attributes: Mapping[str, JsonValue],
        subscriptions: Mapping[str, bool] | None = None,
        *,
        key: str | int | None = None,
        entity: str | None = None,
        table: str | None = None,
    ) -> Profile:
        """Create or update a profile silently, matched by the key or its unique values; raises RefusalError."""
        home = self.pick(entity, table)
        found = None if key is None else as_key(key)
        if found is not None and found.attribute != "profileId":
            attributes = {found.attribute: found.text, **attributes}
        elif found is not None:
            home.get(found)
        write = Write(attributes, subscriptions or {}, origin=Origin.SEED)
        return self.upsert(home, write, found).profile

    def _told(self, saved: Saved) -> Saved:
        self._tell(saved.change)
        return saved

    def _tell(self, change: Change) -> None:
        if self.on_change is not None and change.origin is not Origin.SEED:
            self.on_change(change)


def as_key(key: str | int) -> Key:
    """Read a profile id or an `attribute=value` text."""
    if isinstance(key, int):
        return Key("profileId", str(key))
    attribute, equals, text = key.partition("=")
    return Key(attribute, text) if equals else Key("profileId", attribute)
