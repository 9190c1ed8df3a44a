"""The account of a turn: what became of each item and each line, in words for the timeline."""

from collections.abc import Mapping as MappingView
from collections.abc import Sequence

from consent_sync.domain.confirmation import shown_nowhere
from consent_sync.domain.consent import Choice
from consent_sync.domain.desired import desired_choice
from consent_sync.domain.erasure import DeletionPolicy
from consent_sync.domain.errors import TemporaryError
from consent_sync.domain.lines import line_state
from consent_sync.domain.moments import Micros
from consent_sync.domain.plan import Decision, Plan, failed_sides
from consent_sync.domain.values import dataclass
from consent_sync.domain.verdicts import Entry, Kind, Verdict
from consent_sync.ports.store import StoredItem, Summary
from consent_sync.services.attempts import is_waiting
from consent_sync.services.progress import Progress
from consent_sync.services.records import heaviest, line_entry, side_of


@dataclass(slots=True)
class Taken:
    """One item of the turn on its way to a verdict."""

    stored: StoredItem
    verdict: Verdict | None = None
    reason: str = ""
    touched: frozenset[str] = frozenset()
    open: bool = False
    deletion: bool = False
    asked: DeletionPolicy | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """A turn at its end. `trouble` is what it will be tried again for, None for nothing."""

    progress: Progress
    taken: Sequence[Taken]
    decisions: MappingView[str, Decision]
    trouble: TemporaryError | None

    def entries(self, plan: Plan) -> tuple[Entry, ...]:
        """Return what became of each item and each line, for the timeline."""
        progress, now = self.progress, self.progress.tools.clock.now()
        ends = self._line_ends(plan)
        done = {entry.line for entry in progress.entries if entry.kind is not Kind.DECIDED}
        # What was said when it first had to wait is not said again with every attempt.
        turn, waits = progress.turn, is_waiting(self.trouble)
        told = bool(turn.attempts) or (waits and turn.first_failed_at is not None)
        pending = set() if told else self._pending(plan)
        shown = progress.touched | done | pending
        decided = [
            line_entry(now, Kind.DECIDED, verdict, reason, one.line, one.side, one.choice)
            for name, (one, verdict, reason) in ends.items()
            if name in shown
        ]
        others: list[Entry] = []
        if self.progress.turn.items and len(ends) > len(decided):
            others.append(
                Entry(
                    now, Kind.DECIDED, Verdict.NO_CHANGE, "nothing new on the other lines", line="*"
                )
            )
        received = [
            self._received(taken, ends, now) for taken in self.taken if not taken.open or not told
        ]
        return (*others, *received, *progress.entries, *decided)

    def _line_ends(self, plan: Plan) -> dict[str, tuple[Decision, Verdict, str]]:
        """How each line with a choice ends: as decided, unless something stood in the way."""
        pending = self._pending(plan)
        ends: dict[str, tuple[Decision, Verdict, str]] = {}
        for name, decision in self.decisions.items():
            verdict, reason = decision.verdict, decision.reason
            if name in pending:
                verdict, reason = Verdict.WAITING_RETRY, f"tried again later: {self.trouble}"
            elif self.progress.cannot_create and name in plan.actito:
                verdict, reason = Verdict.NO_PROFILE, self.progress.cannot_create
            ends[name] = (decision, verdict, reason)
        return ends

    def _pending(self, plan: Plan) -> set[str]:
        if self.trouble is None:
            return set()
        return set(plan.actito) | set(plan.didomi) | set(plan.waiting)

    def _received(
        self, taken: Taken, ends: dict[str, tuple[Decision, Verdict, str]], now: Micros
    ) -> Entry:
        event = taken.stored.event
        verdict, reason = taken.verdict, taken.reason
        if taken.open:
            verdict, reason = Verdict.WAITING_RETRY, f"tried again later: {self.trouble}"
        if verdict is None:
            verdict, ended = heaviest(
                (ends[name][1], ends[name][2]) for name in taken.touched if name in ends
            )
            reason = f"{reason}: {ended}" if reason else ended
        side = side_of(event.source)
        return Entry(event.received_at, Kind.RECEIVED, verdict, reason, side, event=event.id)

    def summary(self, plan: Plan) -> Summary:
        """Return what status and alerts need to find quickly about the person."""
        waiting: list[Micros] = []
        progress = self.progress
        failed = len(progress.state.unread)
        planned = {*plan.actito, *plan.didomi, *plan.waiting, *plan.paused}
        rules = progress.tools.rules
        for line in progress.mapping.lines:
            if line.id not in planned and line.id not in progress.state.lines:
                continue
            known = line_state(progress.state, line)
            dead = failed_sides(line, known, progress.mapping, rules)
            failed += len(dead)
            if not (line.id in planned or dead or shown_nowhere(known)):
                continue
            if desired_choice(line, known, rules).choice is Choice.DENIED:
                waiting += [
                    said.not_after for said in known.latest.values() if said.choice is Choice.DENIED
                ]
        return Summary(len(plan.held), failed, min(waiting, default=None))
