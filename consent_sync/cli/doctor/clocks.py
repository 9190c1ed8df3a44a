"""Whether this machine's clock agrees with the platforms': the rules of consent compare the two."""

from email.utils import parsedate_to_datetime
from typing import Final

from yarl import URL

from consent_sync.adapters.http import HttpWall
from consent_sync.cli.doctor.finding import Finding, fail, ok, warn
from consent_sync.domain.errors import ConsentSyncError
from consent_sync.domain.moments import SECOND, Micros
from consent_sync.ports.clock import Clock

_ANY_STATUS: Final = frozenset(range(300, 600))


async def clock_finding(
    wall: HttpWall, clock: Clock, platform: str, address: str, tolerance: float
) -> Finding:
    """Compare our clock with the `Date` header of a platform's answer."""
    what = f"clock, {platform}"
    before = clock.now()
    try:
        answer = await wall.send(
            "GET", URL(address), headers={}, name=f"{platform} date", accept=_ANY_STATUS
        )
    except ConsentSyncError as error:
        return fail(what, f"no answer to compare with: {error}", f"check the address of {platform}")
    after = clock.now()
    told = _date(answer.headers.get("Date", ""))
    if told is None:
        return warn(what, "could not be checked: the answer has no date")
    apart = _apart(told, before, after) / SECOND
    if apart > tolerance:
        said = f"our clock and {platform}'s are at least {apart:.0f} seconds apart"
        return warn(what, said, "let this machine keep its time by NTP")
    return ok(what, "agrees")


def _apart(told: Micros, before: Micros, after: Micros) -> Micros:
    """Return how far the clocks are apart at least; the header leaves out parts of a second."""
    return max(0, told - after, before - (told + SECOND))


def _date(text: str) -> Micros | None:
    try:
        return round(parsedate_to_datetime(text).timestamp() * SECOND)
    except (ValueError, TypeError):
        return None
