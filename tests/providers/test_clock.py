"""The real clock and real chance."""

from datetime import UTC, datetime

from consent_sync.adapters.clock import SystemChance, SystemClock


async def test_the_clock_tells_microseconds_since_1970() -> None:
    """The moment agrees with the machine's date, and waiting takes time."""
    clock = SystemClock()
    before = clock.now()
    await clock.sleep(0.002)
    after = clock.now()
    told = datetime.fromtimestamp(after / 1_000_000, UTC)

    assert before < after
    assert abs((datetime.now(UTC) - told).total_seconds()) < 60


def test_chance_stays_between_zero_and_one() -> None:
    """A fraction is never 1, and not always the same."""
    drawn = {SystemChance().fraction() for _ in range(100)}

    assert len(drawn) > 1
    assert all(0 <= each < 1 for each in drawn)
