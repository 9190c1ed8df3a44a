"""The stage of the demo: two simulated platforms, the service between them, a folder for it all."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from consent_sync.cli.demo.service import Service
from consent_sync.simulators.actito import DEFAULT_API_KEY as ACTITO_KEY
from consent_sync.simulators.actito import ActitoSimulator, RefusalError
from consent_sync.simulators.actito.profiles import Profile
from consent_sync.simulators.didomi import DEFAULT_API_KEY as DIDOMI_KEY
from consent_sync.simulators.didomi import DEFAULT_API_SECRET, DidomiSimulator

MAPPING: Final = "brand-a"
HEADER: Final = "X-Webhook-Secret"
KEY: Final = "customerId"
"""The attribute that holds the organization user ID, as the mapping file says."""

LINES: Final = ("Newsletter", "DailyDeals", "SportNews", "PartnerMail")
"""The lines that the story touches or shows, by their Actito subscriptions."""

_WORDS: Final = {True: "yes", False: "no", None: "-"}


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs."""

    folder: Path
    didomi: DidomiSimulator
    actito: ActitoSimulator
    service: Service

    @property
    def mapping_file(self) -> Path:
        """Where the mapping file stands that the service reads."""
        return self.folder / "mappings" / f"{MAPPING}.yaml"

    def in_didomi(self, ouid: str, line: str) -> bool | None:
        """Return what Didomi holds on a line: yes, no, or none for "no choice"."""
        users = self.didomi.world.users.of(ouid)
        held = users[0].statuses.get("gdpr") if users else None
        if held is None:
            return None
        if line == "Newsletter":
            return held.channels["email"].enabled if "email" in held.channels else None
        purpose = held.purposes.get("partners" if line == "PartnerMail" else "marketing")
        if purpose is None:
            return None
        if line == "SportNews":
            topics = purpose.values.get("topics")
            return None if topics is None else "sport" in topics.values
        return purpose.enabled

    def in_actito(self, ouid: str, line: str) -> bool | None:
        """Return what the Actito profile holds: yes, no, or none where it was never set."""
        profile = self._profile(ouid)
        return None if profile is None else profile.subscriptions.get(line)

    def both(self, ouid: str, line: str) -> tuple[bool | None, bool | None]:
        """Return what Didomi and Actito hold."""
        return self.in_didomi(ouid, line), self.in_actito(ouid, line)

    def has_profile(self, ouid: str) -> bool:
        """Say whether Actito has a profile of this person."""
        return self._profile(ouid) is not None

    def attribute(self, ouid: str, name: str) -> object:
        """Return an attribute of a profile, None where it is not set."""
        profile = self._profile(ouid)
        return None if profile is None else profile.attributes.get(name)

    def history(self, ouid: str, line: str) -> list[bool]:
        """Return what a subscription was set to so far, oldest first."""
        profile = self._profile(ouid)
        changes = profile.interactions if profile is not None else []
        return [each.subscribed for each in changes if each.subscription == line]

    def table(self, people: tuple[str, ...]) -> list[list[str]]:
        """Return what both sides hold, a row per person and side."""
        rows: list[list[str]] = []
        for ouid in people:
            here = [_WORDS[self.in_didomi(ouid, line)] for line in LINES]
            there = [_WORDS[self.in_actito(ouid, line)] for line in LINES]
            missing = "" if self.has_profile(ouid) else " (no profile)"
            rows += [[ouid, "Didomi", *here], ["", f"Actito{missing}", *there]]
        return rows

    def _profile(self, ouid: str) -> Profile | None:
        try:
            return self.actito.world.profile(f"{KEY}={ouid}")
        except RefusalError:
            return None


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    """Start everything and stop it again, whatever happens; raise NotHeldError."""
    with TemporaryDirectory(prefix="consent-sync-demo-") as name:
        didomi, actito = DidomiSimulator(), ActitoSimulator()
        stage = Stage(Path(name), didomi, actito, Service(Path(name)))
        try:
            await didomi.start()
            await actito.start()
            given = {side: secrets.token_urlsafe(24) for side in ("didomi", "actito")}
            _furnish(stage, given)
            await stage.service.start()
            _connect(stage, given)
            yield stage
        finally:
            # The service first, so that it finds both platforms while it ends its work.
            await stage.service.stop()
            await actito.stop()
            await didomi.stop()


def _furnish(stage: Stage, given: dict[str, str]) -> None:
    """Write the mapping file and the settings; waiting is short because the demo is."""
    stage.mapping_file.parent.mkdir()
    shipped = files("consent_sync.cli.demo").joinpath(f"{MAPPING}.yaml")
    stage.mapping_file.write_text(shipped.read_text(encoding="utf-8"), encoding="utf-8")
    settings = {
        "LISTEN": "127.0.0.1:0",
        "DATABASE_URL": f"sqlite:///{stage.folder / 'consent-sync.db'}",
        "MAPPINGS_DIR": stage.mapping_file.parent,
        "DIDOMI_API_URL": stage.didomi.url,
        "DIDOMI_API_KEY": DIDOMI_KEY,
        "DIDOMI_API_SECRET": DEFAULT_API_SECRET,
        "DIDOMI_WEBHOOK_SECRETS": given["didomi"],
        "ACTITO_API_URL": stage.actito.url,
        "ACTITO_API_KEY": ACTITO_KEY,
        "ACTITO_WEBHOOK_SECRETS": given["actito"],
        "ACTITO_CALLS_PER_MINUTE": 0,
        "RETRY_FIRST_DELAY_SECONDS": 0.2,
        "RETRY_MAX_DELAY_SECONDS": 1,
        "LOG_FORMAT": "json",
    }
    lines = [f"CONSENT_SYNC_{name}={value}\n" for name, value in settings.items()]
    (stage.folder / ".env").write_text("".join(lines), encoding="utf-8")


def _connect(stage: Stage, given: dict[str, str]) -> None:
    """Register the service's webhooks on both platforms, as their pages describe."""
    address = stage.service.address
    stage.didomi.connect_webhook(f"{address}/webhooks/didomi", headers={HEADER: given["didomi"]})
    for event in ("CREATE", "UPDATED_SUBSCRIPTION"):
        stage.actito.register_webhook(
            f"{address}/webhooks/actito/{MAPPING}", event, headers={HEADER: given["actito"]}
        )
