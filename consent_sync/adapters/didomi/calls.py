"""Calls to Didomi's API with a session: a few at a time, one renewed session after a 401."""

import asyncio
from collections.abc import Sequence

from consent_sync.adapters.didomi.pauses import Lane, Pauses
from consent_sync.adapters.didomi.session import DidomiSession, DidomiSettings
from consent_sync.adapters.http import Answer, HttpWall
from consent_sync.domain.errors import TemporaryError
from consent_sync.ports.clock import Clock

MAX_CONCURRENCY = 10
"""`/consents/*` has no limit that Didomi enforces; this one is ours."""

Query = Sequence[tuple[str, str]]


class DidomiCalls:
    """Sends authenticated requests; answers and errors are those of the wall."""

    def __init__(self, wall: HttpWall, settings: DidomiSettings, clock: Clock) -> None:
        self._wall = wall
        self._base = settings.base()
        self._pauses = Pauses(clock)
        self._session = DidomiSession(wall, settings, clock, self._pauses)
        self._slots = asyncio.Semaphore(MAX_CONCURRENCY)

    async def check(self) -> None:
        """Return when there is a session; raise CredentialError or TemporaryError otherwise."""
        await self._session.token()

    async def get(
        self, path: str, query: Query, *, name: str, accept: frozenset[int] = frozenset()
    ) -> Answer:
        """Read; raise TemporaryError, CredentialError or PermanentError."""
        return await self._send("GET", path, query, None, name=name, accept=accept)

    async def post(self, path: str, query: Query, body: bytes, *, name: str) -> Answer:
        """Write; raise as `get` does, and UnclearError when no clear answer came."""
        return await self._send("POST", path, query, body, name=name, accept=frozenset())

    async def delete(self, path: str, query: Query, *, name: str, accept: frozenset[int]) -> Answer:
        """Delete; raise as `post` does."""
        return await self._send("DELETE", path, query, None, name=name, accept=accept)

    async def _send(
        self,
        method: str,
        path: str,
        query: Query,
        body: bytes | None,
        *,
        name: str,
        accept: frozenset[int],
    ) -> Answer:
        async with self._slots:
            token = await self._session.token()
            renewable = accept | {401}
            answer = await self._once(method, path, query, body, token, name, renewable)
            if answer.status != 401:
                return answer
            token = await self._session.token(refused=token)
            return await self._once(method, path, query, body, token, name, accept)

    async def _once(
        self,
        method: str,
        path: str,
        query: Query,
        body: bytes | None,
        token: str,
        name: str,
        accept: frozenset[int],
    ) -> Answer:
        lane = Lane.CONSENTS if path.startswith("consents/") else Lane.OTHER
        await self._pauses.wait(lane)
        try:
            answer = await self._wall.send(
                method,
                (self._base / path).with_query(query),
                headers={"Authorization": f"Bearer {token}"},
                body=body,
                write=method != "GET",
                name=name,
                accept=accept,
            )
        except TemporaryError as error:
            if error.retry_after is not None:
                self._pauses.hold(lane, error.retry_after)
            raise
        self._pauses.heed(lane, answer.headers)
        return answer
