"""Whether Actito still posts to us: its webhooks, looked at as often as the rest of it."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import structlog

from consent_sync.adapters.metrics import Metrics
from consent_sync.domain.alerts import Trouble
from consent_sync.domain.errors import ConsentSyncError
from consent_sync.domain.hooks import HookFault, WebhookRegistration, hook_faults
from consent_sync.domain.mapping import Mapping
from consent_sync.services.alert_conditions import Facts

ALERT = "actito_webhook"

_log = structlog.get_logger(__name__)


class Hooks(Protocol):
    """What can be asked which webhooks there are."""

    async def webhooks(self, mapping: Mapping) -> Sequence[WebhookRegistration]:
        """Return those of the mapping's table; raises ConsentSyncError."""
        ...


class HookWatch:
    """Remembers what was wrong at the last look, for the log, the metrics and the alerts."""

    def __init__(self, hooks: Hooks, public_url: str, metrics: Metrics) -> None:
        self._hooks = hooks
        self._public_url = public_url
        self._metrics = metrics
        self._faults: dict[str, tuple[HookFault, ...]] = {}
        self._unasked: dict[str, str] = {}

    async def look(self, mappings: Iterable[Mapping]) -> None:
        """Look once at the webhooks of all these mappings; who cannot be asked stays as it was."""
        mappings = [one for one in mappings if one.enable_webhooks]
        for mapping in mappings:
            try:
                listed = await self._hooks.webhooks(mapping)
            except ConsentSyncError as error:
                self._cannot_ask(mapping.name, str(error))
            else:
                self._unasked.pop(mapping.name, None)
                self._found(mapping.name, hook_faults(mapping, listed, self._public_url))
        names = {one.name for one in mappings}
        self._faults = {name: one for name, one in self._faults.items() if name in names}
        self._metrics.hooks({name: len(faults) for name, faults in self._faults.items()})

    def condition(self, _facts: Facts) -> Sequence[Trouble] | None:
        """Return the mappings whose webhooks are not as they ought to be; None before any look."""
        if not self._faults:
            return None
        return [
            Trouble(name, "; ".join(one.words for one in faults))
            for name, faults in sorted(self._faults.items())
            if faults
        ]

    def _found(self, mapping: str, faults: tuple[HookFault, ...]) -> None:
        before = self._faults.get(mapping, ())
        self._faults[mapping] = faults
        if faults and faults != before:
            why = "; ".join(one.words for one in faults)
            _log.warning("actito_webhook_faulty", mapping=mapping, why=why)
        elif before and not faults:
            _log.info("actito_webhook_fine", mapping=mapping)

    def _cannot_ask(self, mapping: str, why: str) -> None:
        if self._unasked.get(mapping) != why:
            self._unasked[mapping] = why
            _log.warning("actito_webhooks_unasked", mapping=mapping, why=why)
