"""Moments and spans as integers of microseconds, and the few constants the rules share.

Integers compare, store and subtract exactly and cheaply; the edges turn them into dates.
"""

from typing import Final

Micros = int
"""A moment (microseconds since 1970 UTC) or a span (microseconds)."""

MILLISECOND: Final[Micros] = 1_000
SECOND: Final[Micros] = 1_000_000
MINUTE: Final[Micros] = 60 * SECOND
HOUR: Final[Micros] = 60 * MINUTE

OPEN: Final[Micros] = -(2**62)
"""The lower end of an interval that nothing is known about."""
