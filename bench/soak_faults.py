"""What goes wrong on the platforms during the soak, by chance and all the time, and now and then."""

import asyncio
import random
import time
from typing import Final

from bench.soak_people import MIXED
from consent_sync.simulators.actito import ActitoSimulator
from consent_sync.simulators.didomi import DidomiSimulator
from consent_sync.simulators.faults import Effect, Fault, FaultKind

TIMEOUT_SECONDS: Final = 1.0
"""How long the service waits for an answer; what hangs, hangs for longer."""

_HANG: Final = 1.5
_OUTAGE_SECONDS: Final = (2.0, 20.0)
_PAUSE_SECONDS: Final = (15.0, 60.0)


def faults(route: str) -> list[Fault]:
    """Return every way in which a call fails, each with its chance: in all about one call in 14."""

    def often(chance: float, **how: object) -> Fault:
        return Fault.model_validate({"route": route, "count": None, "chance": chance, **how})

    return [
        often(0.01, status=500),
        often(0.005, status=502, html=True),
        often(0.005, status=503, retry_after="0.5"),
        often(0.01, status=504, effect=Effect.BEFORE),
        often(0.003, status=429, retry_after="0.3"),
        often(0.01, kind=FaultKind.RESET),
        often(0.01, kind=FaultKind.RESET, effect=Effect.BEFORE),
        often(0.003, kind=FaultKind.HANG, seconds=_HANG),
        often(0.003, kind=FaultKind.HANG, seconds=_HANG, effect=Effect.BEFORE),
        often(0.005, kind=FaultKind.TRUNCATED_BODY),
        often(0.005, kind=FaultKind.SLOW_BODY, seconds=0.3),
        often(0.002, status=200, html=True),
    ]


def late_writes() -> Fault:
    """Return writes that land after their caller gave up: for people whose effects nobody counts."""
    return Fault(
        route="profiles.put",
        path=MIXED,
        kind=FaultKind.HANG,
        seconds=_HANG,
        effect=Effect.LATER,
        effect_after=2.5,
        chance=0.02,
        count=None,
    )


def begin(actito: ActitoSimulator, didomi: DidomiSimulator) -> None:
    """Let calls fail by chance from now on, and webhooks come late, twice, shuffled or never."""
    actito.faults.add(late_writes(), *faults("profiles"))
    didomi.faults.add(*faults("consents"))


async def trouble(
    actito: ActitoSimulator,
    didomi: DidomiSimulator,
    chance: random.Random,
    away: list[tuple[float, float]],
) -> None:
    """Until cancelled: now and then end all tokens, or let a whole platform be `away` for a while."""
    while True:
        await asyncio.sleep(chance.uniform(*_PAUSE_SECONDS))
        if chance.random() < 0.5:
            actito.revoke_tokens()
            didomi.expire_sessions()
            continue
        plan, route = chance.choice(((actito.faults, "profiles"), (didomi.faults, "consents")))
        plan.clear()
        plan.add(Fault(status=503, count=None))
        seconds = chance.uniform(*_OUTAGE_SECONDS)
        away.append((time.time(), time.time() + seconds))
        await asyncio.sleep(seconds)
        plan.clear()
        plan.add(*([late_writes()] if route == "profiles" else []), *faults(route))
