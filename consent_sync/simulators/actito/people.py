"""What people do outside of the API: clicks in mails and forms, and work in the platform; each fires webhooks."""

from collections.abc import Mapping

from pydantic import JsonValue

from consent_sync.simulators.actito.profiles import Origin, Profile, Provenance, Write
from consent_sync.simulators.actito.world import World, as_key

_FORM = Provenance(source="preference centre", way="form")


class People:
    """People's doings in a world; a `key` is a profile id or `attribute=value`, the table the first unless named."""

    def __init__(self, world: World) -> None:
        self._world = world

    def subscribe(
        self, key: str | int, *names: str, entity: str | None = None, table: str | None = None
    ) -> Profile:
        """Subscribe a profile in a preference centre; raises RefusalError for an unknown profile or name."""
        return self.choose(key, dict.fromkeys(names, True), entity=entity, table=table)

    def unsubscribe(
        self, key: str | int, *names: str, entity: str | None = None, table: str | None = None
    ) -> Profile:
        """Unsubscribe a profile by the link in a mail; raises RefusalError for an unknown profile or name."""
        choices = dict.fromkeys(names, False)
        return self.choose(key, choices, entity=entity, table=table, origin=Origin.EMAIL)

    def choose(
        self,
        key: str | int,
        choices: Mapping[str, bool],
        *,
        entity: str | None = None,
        table: str | None = None,
        origin: Origin = Origin.FORM,
    ) -> Profile:
        """Set several subscriptions in one operation; raises RefusalError for an unknown profile or name."""
        write = Write({}, choices, provenance=_FORM, origin=origin)
        home = self._world.pick(entity, table)
        return self._world.update(home, home.get(as_key(key)), write).profile

    def change_attributes(
        self,
        key: str | int,
        attributes: Mapping[str, JsonValue],
        *,
        entity: str | None = None,
        table: str | None = None,
    ) -> Profile:
        """Change attributes in a form; raises RefusalError for an unknown profile or an unfit value."""
        write = Write(attributes, provenance=_FORM, origin=Origin.FORM)
        home = self._world.pick(entity, table)
        return self._world.update(home, home.get(as_key(key)), write).profile

    def create(
        self,
        attributes: Mapping[str, JsonValue],
        subscriptions: Mapping[str, bool] | None = None,
        *,
        entity: str | None = None,
        table: str | None = None,
    ) -> Profile:
        """Register a new profile through a form; raises RefusalError for unfit, taken or missing values."""
        write = Write(attributes, subscriptions or {}, provenance=_FORM, origin=Origin.FORM)
        return self._world.create(self._world.pick(entity, table), write).profile

    def delete(
        self, key: str | int, *, entity: str | None = None, table: str | None = None
    ) -> None:
        """Delete a profile by hand in the platform; raises RefusalError 404."""
        home = self._world.pick(entity, table)
        self._world.delete(home, home.get(as_key(key)), Origin.PLATFORM)
