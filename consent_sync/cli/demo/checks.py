"""Waiting for what ought to come about, and saying what did not."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

DEADLINE_SECONDS: Final = 15.0
"""How long an outcome may take; a sound one takes less than a second."""

_LOOK_SECONDS: Final = 0.02

Condition = Callable[[], bool | Awaitable[bool]]


class NotHeldError(Exception):
    """Something that ought to hold does not; the text names it."""


async def until(what: str, holds: Condition, seconds: float = DEADLINE_SECONDS) -> float:
    """Wait until something holds and return after how many seconds; raise NotHeldError."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    while True:
        answer = holds()
        if answer if isinstance(answer, bool) else await answer:
            return loop.time() - started
        if loop.time() - started > seconds:
            raise NotHeldError(f"{what} (waited {seconds:g} seconds)")
        await asyncio.sleep(_LOOK_SECONDS)
