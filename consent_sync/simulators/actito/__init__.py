"""A simulated Actito: the platform API, its webhooks, people's clicks, and a control API to misbehave on request."""

from consent_sync.simulators.actito.profiles import Origin
from consent_sync.simulators.actito.refusal import RefusalError
from consent_sync.simulators.actito.simulator import (
    DEFAULT_API_KEY,
    ActitoSimulator,
    RunOptions,
    run,
)
from consent_sync.simulators.actito.structure import WorldSpec, default_world
from consent_sync.simulators.actito.switches import Switches, UnknownSwitchError

__all__ = [
    "DEFAULT_API_KEY",
    "ActitoSimulator",
    "Origin",
    "RefusalError",
    "RunOptions",
    "Switches",
    "UnknownSwitchError",
    "WorldSpec",
    "default_world",
    "run",
]
