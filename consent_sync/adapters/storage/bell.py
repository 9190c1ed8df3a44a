"""Waiting for a bell or a moment, whichever comes first."""

import asyncio

from consent_sync.ports.clock import Clock


async def rung(bell: asyncio.Event, clock: Clock, seconds: float) -> None:
    """Return when the bell rings, at the latest after so many seconds of this clock."""
    waits = [asyncio.ensure_future(bell.wait()), asyncio.ensure_future(clock.sleep(seconds))]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiting in waits:
            waiting.cancel()
