"""The HTTP side on a memory store, with every part in reach."""

from collections.abc import Mapping as MappingView
from dataclasses import dataclass, field

import orjson

from consent_sync.adapters.actito.webhook import ActitoReceiver
from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.adapters.metrics import Metrics
from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.app.standing import MappingStanding, Standing
from consent_sync.app.standstill import Standstill
from consent_sync.domain.erasure import Marks
from consent_sync.domain.identity import Side
from consent_sync.domain.rules import Rules
from consent_sync.ports.store import StoredEvent
from consent_sync.services.alerting import raised_alerts
from consent_sync.services.dead_letters import DeadLetterLook, DeadLetters
from consent_sync.services.erasure import Erasure
from consent_sync.services.intake import Intake
from consent_sync.services.lookup import Lookup
from consent_sync.services.pauses import Pauses
from consent_sync.services.profiles import ProfileIndex
from consent_sync.services.replay import Replay, ReplayLook
from consent_sync.services.review import Review, ReviewLook
from consent_sync.web.auth import ApiGate, ApiToken, Keys, Lock
from consent_sync.web.health import Check
from consent_sync.web.oauth import Tokens
from consent_sync.web.routes import Parts
from tests.services.people import FixedMappings, StandingClock, mapping

SECRET = "a-secret-of-forty-characters-for-tests-01"
NEXT_SECRET = "a-secret-of-forty-characters-for-tests-02"
JSON = {"Content-Type": "application/json"}
DIDOMI = {**JSON, "X-Webhook-Secret": SECRET}
CLIENT = ("didomi-client", "the client's+secret/with:signs")


async def _fine() -> str:
    return "fine"


@dataclass
class House:
    """What a test may change before `parts` puts it together."""

    clock: StandingClock = field(default_factory=StandingClock)
    secrets: tuple[str, ...] = (SECRET, NEXT_SECRET)
    oauth: bool = True
    optional: bool = False
    api_tokens: tuple[ApiToken, ...] = ()
    checks: MappingView[str, Check] = field(default_factory=lambda: {"store": _fine})
    mappings: FixedMappings = field(default_factory=lambda: FixedMappings(mapping("brand-a")))
    store: MemoryStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = MemoryStore(self.clock)
        self.metrics = Metrics("0.0.0")
        self.standstill = Standstill(
            self.store, Pauses(self.store, self.clock), self.metrics, self.clock
        )
        self.didomi = DidomiReceiver()
        self.standing = Standing((MappingStanding("brand-a", "brand-a.yaml", "v1", True),))

    def parts(self) -> Parts:
        tokens = Tokens(*CLIENT, self.clock) if self.oauth else None
        actito = ActitoReceiver()
        intake = Intake(self.store, self.mappings, self.didomi, actito, self.clock, ProfileIndex())
        look = ReplayLook(
            self.store, self.mappings, self.didomi, actito, lambda mapping: mapping.account
        )
        return Parts(
            intake=intake,
            replay=Replay(look, intake, self.clock),
            review=Review(
                ReviewLook(self.store, self.mappings, Rules(), self.clock), self.store, self.clock
            ),
            dead_letters=DeadLetters(
                DeadLetterLook(self.store, self.mappings, Rules()), self.store, self.clock
            ),
            standstill=self.standstill,
            resting=lambda: {"brand-a": 1},
            lookup=Lookup(self.store, self.mappings, Rules()),
            ledger=self.store,
            clock=self.clock,
            metrics=self.metrics,
            locks={
                Side.DIDOMI: Lock([Keys("", self.secrets, tokens)], optional=self.optional),
                Side.ACTITO: Lock([Keys("", self.secrets)], optional=self.optional),
            },
            tokens=[tokens] if tokens else [],
            gate=ApiGate(self.api_tokens),
            checks=self.checks,
            mappings=lambda: self.standing,
            erasure=Erasure(self.store, self.mappings, Marks(), self.didomi, actito, self.clock),
            erased=lambda: None,
            backlog_seconds=self.metrics.backlog_seconds,
            alerts=lambda: raised_alerts(self.store),
        )

    async def refused(self) -> list[StoredEvent]:
        return list(await self.store.events(refused=True, before=None, limit=500))

    async def accepted(self) -> list[StoredEvent]:
        return list(await self.store.events(refused=False, before=None, limit=500))


def body(value: object) -> bytes:
    return orjson.dumps(value)
