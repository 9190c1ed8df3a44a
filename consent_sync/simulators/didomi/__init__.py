"""A simulated Didomi: the Consents API, its webhooks, people's clicks, and a control API to misbehave on request."""

from consent_sync.simulators.didomi.clicks import Choices, Click
from consent_sync.simulators.didomi.connections import OAuth
from consent_sync.simulators.didomi.errors import RefusalError
from consent_sync.simulators.didomi.organisation import Organisation, Preference, Purpose
from consent_sync.simulators.didomi.simulator import (
    DEFAULT_API_KEY,
    DEFAULT_API_SECRET,
    DidomiSimulator,
    RunOptions,
    run,
)
from consent_sync.simulators.didomi.switches import Switches, UnknownSwitchError

__all__ = [
    "DEFAULT_API_KEY",
    "DEFAULT_API_SECRET",
    "Choices",
    "Click",
    "DidomiSimulator",
    "OAuth",
    "Organisation",
    "Preference",
    "Purpose",
    "RefusalError",
    "RunOptions",
    "Switches",
    "UnknownSwitchError",
    "run",
]
