"""Circuit breakers: a platform in trouble, or one that refuses our credentials, is left in peace.

Whoever wants to call it meanwhile is told at once that it is not called now; after a pause one call
goes through to see how things stand. Kept in memory: a start, like other settings, looks anew.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from consent_sync.domain.errors import (
    AbsentError,
    AlsoUnclearError,
    CredentialError,
    NotNowError,
    PermanentError,
    TemporaryError,
    ThrottledError,
)
from consent_sync.domain.identity import Side
from consent_sync.domain.moments import MINUTE, SECOND, Micros
from consent_sync.domain.retry import RetryPolicy
from consent_sync.ports.clock import Clock

Result = TypeVar("Result")

_PROBE_SECONDS: Final = 2.0
"""After so long somebody who came while a probe was under way may ask again."""


class Cause(StrEnum):
    """Why a platform is not called."""

    TROUBLE = "trouble"
    CREDENTIALS = "credentials"


_FIRST_PAUSE: Final = 5
"""How many first delays a platform in trouble is left in peace before the first probe."""


@dataclass(frozen=True, slots=True)
class Break:
    """What is not called, since when, and why.

    Trouble is of a whole account of a side (`mapping` empty), refused credentials of one mapping:
    a key may have rights for one table only, or only for reading it (`writes_only`).
    """

    side: Side
    account: str
    mapping: str
    cause: Cause
    writes_only: bool
    since: Micros
    why: str


@dataclass(frozen=True, slots=True)
class BreakChange:
    """A break that begins, or ends (`over`)."""

    broken: Break
    over: bool


class _Gate:
    """One breaker: closed, open, or half open while one call probes."""

    def __init__(self, clock: Clock, failures: int, first: Micros, longest: Micros) -> None:
        self._clock = clock
        self._most = failures
        self._first = first
        self._longest = longest
        self._in_a_row = 0
        self._pause: Micros = 0
        self._until: Micros = 0
        self._probing = False
        self._turned_away = 0
        self.cause: Cause | None = None
        self.since: Micros = 0
        self.why = ""

    def ask(self, what: str) -> None:
        """Return when a call may go out; raises NotNowError when not."""
        if self.cause is None:
            return
        left = self.seconds_left()
        if not left and not self._probing:
            return
        self._turned_away += 1
        seconds = left or _PROBE_SECONDS
        raise NotNowError(f"{what}: {self.why}", retry_after=seconds, ahead=self._turned_away)

    def seconds_left(self) -> float:
        """Return how long it is until somebody may probe."""
        left = self._until - self._clock.now()
        # A clock that was set back ends the pause instead of making it longer.
        return left / SECOND if 0 < left <= self._pause else 0.0

    def enter(self) -> bool:
        """Let a call through; say whether it is the one that probes."""
        self._probing = self.cause is not None
        return self._probing

    def worked(self, *, probe: bool) -> bool:
        """A call was answered; say whether that ends a break."""
        self._in_a_row = 0
        if not probe:
            return False
        self._probing, self._turned_away, self.cause = False, 0, None
        return True

    def failed(self, cause: Cause, why: str, *, probe: bool) -> bool:
        """A call failed; say whether that begins a break."""
        self._in_a_row += 1
        enough = cause is Cause.CREDENTIALS or 0 < self._most <= self._in_a_row
        if not probe and (self.cause is not None or not enough):
            return False
        begins = self.cause is not cause
        self._pause = self._first if begins else min(2 * self._pause, self._longest)
        self._until = self._clock.now() + self._pause
        self._probing, self.cause, self.why = False, cause, why
        if begins:
            self.since = self._clock.now()
        return begins

    def left(self, *, probe: bool) -> None:
        """A call told nothing about how things stand."""
        if probe:
            self._probing = False


class Circuit:
    """The breakers of one account of one side; `failures` in a row open it, 0 = never.

    Each failed probe doubles the pause before the next: in trouble up to a minute, with refused
    credentials up to the longest wait between two attempts.
    """

    def __init__(
        self,
        side: Side,
        account: str,
        clock: Clock,
        failures: int,
        retry: RetryPolicy,
        tell: Callable[[BreakChange], None],
    ) -> None:
        self._side = side
        self._account = account
        self._clock = clock
        self._retry = retry
        self._tell = tell
        first, longest = _FIRST_PAUSE * retry.first_delay, min(MINUTE, retry.max_delay)
        self._trouble = _Gate(clock, failures, min(first, longest), longest)
        self._rights: dict[tuple[str, bool], _Gate] = {}
        self._ways: dict[tuple[str, bool], tuple[_Gate, ...]] = {}
        self._what = f"{side.value.capitalize()} is not called for now"

    def breaks(self) -> tuple[Break, ...]:
        """Return what is not called now."""
        found = [self._break(self._trouble, "", writes_only=False)]
        found += [self._break(gate, *where) for where, gate in self._rights.items()]
        return tuple(one for one in found if one is not None)

    async def through(
        self, mapping: str, call: Callable[[], Awaitable[Result]], *, write: bool = False
    ) -> Result:
        """Return what the call returns; raises NotNowError without calling, or what it raises."""
        gates = self._ways.get((mapping, write)) or self._way(mapping, write)
        for gate in gates:
            gate.ask(self._what)
        probes = [gate.enter() for gate in gates]
        settled = False
        try:
            result = await call()
            settled = self._worked(mapping, gates, probes)
        except (AbsentError, PermanentError):
            settled = self._worked(mapping, gates, probes)
            raise
        except CredentialError as error:
            # Whoever refuses our credentials answers. Whether we may read, where that is in doubt,
            # a refused write does not tell.
            self._worked(mapping, gates[:1], probes[:1])
            self._left(gates[1:-1], probes[1:-1])
            settled = self._shut(mapping, gates[-1], probes[-1], error)
            raise
        except (NotNowError, ThrottledError, AlsoUnclearError):
            raise
        except TemporaryError as error:
            self._left(gates[1:], probes[1:])
            settled = self._shut("", self._trouble, probes[0], error)
            raise
        finally:
            if not settled:
                self._left(gates, probes)
        return result

    def _way(self, mapping: str, write: bool) -> tuple[_Gate, ...]:
        rights = [self._gate(mapping, False), *([self._gate(mapping, True)] if write else [])]
        self._ways[mapping, write] = gates = (self._trouble, *rights)
        return gates

    def _gate(self, mapping: str, writes_only: bool) -> _Gate:
        gate = self._rights.get((mapping, writes_only))
        if gate is None:
            gate = _Gate(self._clock, 0, self._retry.first_delay, self._retry.max_delay)
            self._rights[mapping, writes_only] = gate
        return gate

    def _worked(self, mapping: str, gates: Sequence[_Gate], probes: Sequence[bool]) -> bool:
        for gate, probe in zip(gates, probes, strict=True):
            broken = self._found(gate, mapping) if probe else None
            if gate.worked(probe=probe) and broken is not None:
                self._tell(BreakChange(broken, over=True))
        return True

    def _left(self, gates: Sequence[_Gate], probes: Sequence[bool]) -> None:
        for gate, probe in zip(gates, probes, strict=True):
            gate.left(probe=probe)

    def _shut(self, mapping: str, gate: _Gate, probe: bool, error: TemporaryError) -> bool:
        cause, why = Cause.TROUBLE, f"it is in trouble ({error})"
        if isinstance(error, CredentialError):
            cause, why = Cause.CREDENTIALS, f"it refuses our credentials ({error})"
        begins = gate.failed(cause, why, probe=probe)
        if isinstance(error, CredentialError):
            # Whoever met it waits as long as everybody else.
            error.retry_after = gate.seconds_left()
        broken = self._found(gate, mapping) if begins else None
        if broken is not None:
            self._tell(BreakChange(broken, over=False))
        return True

    def _found(self, gate: _Gate, mapping: str) -> Break | None:
        if gate is self._trouble:
            return self._break(gate, "", writes_only=False)
        return self._break(gate, mapping, writes_only=gate is self._rights.get((mapping, True)))

    def _break(self, gate: _Gate, mapping: str, writes_only: bool) -> Break | None:
        if gate.cause is None:
            return None
        return Break(
            self._side, self._account, mapping, gate.cause, writes_only, gate.since, gate.why
        )
