"""The webhooks of both platforms: let in, stored, answered; nothing else is called meanwhile."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from aiohttp import web

from consent_sync.domain.errors import AbsentError
from consent_sync.domain.identity import Side
from consent_sync.ports.clock import Clock
from consent_sync.services.intake import KEPT_BYTES, Intake, Receipt
from consent_sync.web.answers import Heads, stored
from consent_sync.web.auth import Lock
from consent_sync.web.bodies import MAX_BODY, Arrived, glance, read_body, require_json
from consent_sync.web.problems import Problem

MAX_NAME: Final = 100


class DeliveryCounter(Protocol):
    """Whoever counts what came in."""

    def received(self, side: Side, accepted: int, duplicates: int) -> None:
        """Count the events of a stored delivery."""
        ...

    def refused(self, side: Side, status: int, code: str, *, kept: bool) -> None:
        """Count a refused request and whether it was kept."""
        ...


@dataclass(slots=True)
class Delivery(Arrived):
    """What is known so far about a request to a webhook, in case it is refused."""

    side: Side = Side.DIDOMI
    mapping: str = ""
    known: bool = False


DELIVERY: Final = web.RequestKey("delivery", Delivery)


class Hooks:
    """The handlers of the webhook routes."""

    def __init__(
        self, intake: Intake, locks: Mapping[Side, Lock], counter: DeliveryCounter, clock: Clock
    ) -> None:
        self._intake = intake
        self._locks = locks
        self._counter = counter
        self._heads = Heads(clock)

    async def didomi(self, request: web.Request) -> web.StreamResponse:
        """Answer `POST /webhooks/didomi`; raise Problem, RefusedError or StoreError."""
        delivery = Delivery(side=Side.DIDOMI)
        accounts = self._let_in(request, delivery)
        body = await read_body(request, MAX_BODY, delivery)
        receipt = await self._intake.accept_didomi(body, accounts)
        return self._answer(request, Side.DIDOMI, receipt)

    async def actito(self, request: web.Request) -> web.StreamResponse:
        """Answer `POST /webhooks/actito/{mapping}`; raise Problem, RefusedError or StoreError."""
        name = request.match_info["mapping"]
        delivery = Delivery(side=Side.ACTITO, mapping=name[:MAX_NAME])
        self._let_in(request, delivery, self._intake.account(name))
        body = await read_body(request, MAX_BODY, delivery)
        try:
            receipt = await self._intake.accept_actito(name, body)
        except AbsentError:
            raise Problem("unknown-mapping", "Expected the name of a mapping in force.") from None
        return self._answer(request, Side.ACTITO, receipt)

    async def qualifio(self, _request: web.Request) -> web.Response:
        """Refuse `POST /webhooks/qualifio/{mapping}`: this version does not take part in it."""
        raise Problem("qualifio-not-available", "Do not point a Qualifio webhook here yet.")

    async def keep(self, request: web.Request, problem: Problem) -> bool:
        """Count a refused delivery and keep it; say whether it was kept, raise StoreError."""
        delivery = request.get(DELIVERY)
        if delivery is None:
            return False
        kept = False
        try:
            # What a store could not take it cannot take as refused either; the sender comes again.
            if problem.code != "store-unavailable":
                body = await glance(request, delivery, KEPT_BYTES)
                kept = await self._intake.refuse(
                    delivery.side,
                    delivery.mapping,
                    problem.status,
                    f"{problem.code}: {problem.detail}",
                    body,
                    known=delivery.known,
                )
        finally:
            self._counter.refused(delivery.side, problem.status, problem.code, kept=kept)
        return kept

    def _let_in(
        self, request: web.Request, delivery: Delivery, wanted: str | None = None
    ) -> frozenset[str] | None:
        request[DELIVERY] = delivery
        lock = self._locks[delivery.side]
        accounts = lock.require(request.headers)
        if accounts is not None and wanted is not None and wanted not in accounts:
            raise lock.refusal()
        delivery.known = True
        require_json(request)
        return accounts

    def _answer(self, request: web.Request, side: Side, receipt: Receipt) -> web.StreamResponse:
        accepted, duplicates = receipt.accepted, receipt.duplicates
        self._counter.received(side, accepted, duplicates)
        body = b'{"accepted":%d,"duplicates":%d}' % (accepted, duplicates)
        return stored(request, body, self._heads)
