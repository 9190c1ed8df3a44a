"""What Actito was seen to hold, against what was agreed and what its webhooks hinted at."""

from collections.abc import Sequence
from dataclasses import dataclass

from consent_sync.domain.actito_hints import (
    Hint,
    echoes,
    maybe_before_first_sight,
    merged_names,
    refused_before_us,
    said_again,
)
from consent_sync.domain.consent import Agreed, Choice, Statement
from consent_sync.domain.events import ProfileMissing, ProfileReading
from consent_sync.domain.identity import Names, Side
from consent_sync.domain.lines import (
    Added,
    Context,
    Outcome,
    add_statement,
    delayed_by_first_sight,
    lifted,
    line_state,
    own_writes,
    resolved,
    unsure_write,
    with_agreed,
    with_line,
    with_refusal,
)
from consent_sync.domain.mapping import Line
from consent_sync.domain.moments import OPEN, Micros
from consent_sync.domain.state import LineState, PersonState, Presence
from consent_sync.domain.translate import choice_from_subscription
from consent_sync.domain.values import replaced
from consent_sync.domain.verdicts import Entry, Kind, Verdict


def fold_profile_reading(
    state: PersonState, seen: ProfileReading, hints: Sequence[Hint], context: Context
) -> Outcome:
    """Take in what Actito held when it was asked; differences from what was agreed decide.

    `hints` are the webhooks of this turn that asked for the look.
    """
    state = replaced(state, profile=Presence.PRESENT, names=merged_names(state.names, seen.names))
    touched: set[str] = set()
    entries: list[Entry] = []
    for line in context.mapping.lines:
        subscribed = seen.subscriptions.get(line.id)
        shown = (
            Choice.NONE
            if subscribed is None
            else choice_from_subscription(line, subscribed=subscribed)
        )
        look = LineLook(line, line_state(state, line), shown, seen, tuple(hints), context)
        result = look.result()
        state = with_line(state, line, result.known) if result.known is not look.known else state
        if result.added is Added.NEW:
            touched.add(line.id)
        if result.reason:
            entries.append(_entry(line, result, context))
    state = _anew_in_didomi(state) if touched else state
    return Outcome(state, entries=tuple(entries), touched=frozenset(touched))


def fold_profile_missing(
    state: PersonState, seen: ProfileMissing, hints: Sequence[Hint], context: Context
) -> Outcome:
    """Take in that Actito has no such profile: it holds nothing, and needs everything anew.

    A refusal that a webhook of this turn shows was made on the profile before it went.
    """
    told = _refused_by_hints(state, hints, seen.read_at, context)
    lines = {
        name: replaced(
            known, agreed={side: held for side, held in known.agreed.items() if side != Side.ACTITO}
        )
        for name, known in told.state.lines.items()
    }
    return replaced(
        told, state=replaced(told.state, profile=Presence.MISSING, lines=lines, sent={})
    )


def fold_unread_hints(state: PersonState, hints: Sequence[Hint], context: Context) -> Outcome:
    """Take the refusals of webhooks in that no reading will decide about; a yes is left out."""
    received = [hint.item.received_at for hint in hints]
    return _refused_by_hints(state, hints, max(received, default=context.now), context)


def _refused_by_hints(
    state: PersonState, hints: Sequence[Hint], at: Micros, context: Context
) -> Outcome:
    nothing = ProfileReading(at, at, Names(), {})
    touched: set[str] = set()
    for line in context.mapping.lines:
        known = line_state(state, line)
        told = tuple(
            hint
            for hint in hints
            if hint.choice(line) is Choice.DENIED
            and not echoes(known, hint.item.received_at, context)
        )
        if told:
            result = LineLook(line, known, Choice.NONE, nothing, told, context).denied_by_hint()
            state = with_line(state, line, result.known)
            touched.add(line.id)
    return Outcome(_anew_in_didomi(state) if touched else state, touched=frozenset(touched))


def _anew_in_didomi(state: PersonState) -> PersonState:
    """Somebody with a new choice may have come to Didomi meanwhile: it is looked at once more."""
    return replaced(state, user=Presence.UNKNOWN) if state.user is Presence.MISSING else state


@dataclass(frozen=True, slots=True)
class _Result:
    known: LineState
    added: Added | None = None
    verdict: Verdict = Verdict.NO_CHANGE
    reason: str = ""
    choice: Choice = Choice.NONE


@dataclass(frozen=True, slots=True)
class LineLook:
    """One line of one reading, against what was agreed and what the hints named."""

    line: Line
    known: LineState
    shown: Choice
    seen: ProfileReading
    hints: tuple[Hint, ...]
    context: Context

    def result(self) -> _Result:
        """Decide what this line of the reading means."""
        agreed = self.known.agreed.get(Side.ACTITO)
        if self._run_over():
            return self._overrun_refusal()
        if unsure_write(self.known, Side.ACTITO, self.shown):
            return self._refused_before() or self._explained()
        if agreed is None:
            return self._first_sight()
        if self.shown is agreed.choice:
            return self._unchanged(agreed)
        if self.shown is Choice.NONE:
            return self._vanished(agreed)
        if self.shown is Choice.GRANTED and not agreed.confirmed and not self._came_back(agreed):
            return _Result(
                self._settled(),
                reason="a refusal that we wrote did not take in Actito; it is written again",
                choice=self.shown,
            )
        return self.statement(agreed.as_of, agreed)

    def _unchanged(self, agreed: Agreed) -> _Result:
        if self.shown is Choice.NONE and self._refused():
            # The subscription, or the whole profile, has gone since that refusal.
            return self.denied_by_hint()
        if self._shown_before_it_was_told(agreed) or self._refused_too():
            return self.statement(OPEN, None)
        return self._to_and_fro() if self._went_to_and_fro() else _Result(self._repeated())

    def _refused_before(self) -> _Result | None:
        """A refusal whose webhook came before our own unclear refusal could have caused it."""
        if self.shown is not Choice.DENIED or not self._refused():
            return None
        known, added = add_statement(self.line, self._settled(), self._said(self.shown, OPEN, None))
        return _Result(known, added)

    def _refused(self) -> bool:
        """Say whether a hint shows a no that cannot be the echo of a no of ours."""
        return any(
            hint.choice(self.line) is Choice.DENIED
            and not echoes(self.known, hint.item.received_at, self.context)
            for hint in self.hints
        )

    def _explained(self) -> _Result:
        """A write of ours with an unclear outcome may be the cause: put right, not believed."""
        return _Result(
            self._settled(),
            verdict=Verdict.CONFIRMED,
            reason="Actito shows a change of ours whose answer had been lost",
            choice=self.shown,
        )

    def _first_sight(self) -> _Result:
        named = [hint.choice(self.line) for hint in self.hints]
        said = [choice for choice in named if choice is not Choice.NONE]
        if said and self.shown is not Choice.NONE:
            return self.statement(OPEN, None)
        if self.shown is Choice.NONE and Choice.DENIED in said:
            return self.denied_by_hint()
        known = self._settled()
        if self.shown is Choice.DENIED:
            known = delayed_by_first_sight(known, Side.ACTITO, self.seen.read_at)
        return _Result(known)

    def _vanished(self, agreed: Agreed) -> _Result:
        """The subscription is not listed any more: not a refusal, but no reason for a yes either."""
        latest = self.known.latest.get(Side.ACTITO)
        if self._refused() and (latest is None or latest.choice is not Choice.DENIED):
            return self.denied_by_hint()
        if agreed.choice is Choice.DENIED:
            known = with_agreed(self.known, Side.ACTITO, Choice.DENIED, self.seen.asked_at)
            return _Result(known)
        known = with_refusal(self._settled(), Side.ACTITO, self.seen.read_at)
        return _Result(
            known,
            reason="Actito no longer lists this subscription for the person; that is no choice",
        )

    def denied_by_hint(self) -> _Result:
        """The refusal that hints tell of, where the reading shows neither yes nor no."""
        said = self._said(Choice.DENIED, OPEN, None)
        known, added = add_statement(self.line, self.known, said)
        known = with_agreed(known, Side.ACTITO, Choice.DENIED, self.seen.asked_at)
        return _Result(with_refusal(known, Side.ACTITO, self.seen.read_at), added)

    def _run_over(self) -> bool:
        """Say whether a yes of ours may have run over a no that a hint still shows.

        Where the reading shows a no as well, only a yes of unclear outcome makes that a new
        refusal: it may have landed before the person refused.
        """
        unsure = unsure_write(self.known, Side.ACTITO, Choice.GRANTED)
        if self.shown is Choice.NONE or (self.shown is Choice.DENIED and not unsure):
            return False
        delay = self.context.rules.webhook_max_delay
        for hint in self.hints:
            at = hint.item.received_at
            if hint.choice(self.line) is not Choice.DENIED:
                continue
            grants = own_writes(self.known, Side.ACTITO, Choice.GRANTED)
            if not echoes(self.known, at, self.context) and any(
                write.sent_at >= at - delay for write in grants
            ):
                return True
        return False

    def _overrun_refusal(self) -> _Result:
        said = self._said(Choice.DENIED, OPEN, None)
        known, added = add_statement(self.line, self._settled(), said)
        return _Result(
            with_refusal(known, Side.ACTITO, said.not_after),
            added,
            Verdict.CONFLICT_STRICTEST,
            "the person refused in Actito while our agreement was on its way; the refusal stands",
            Choice.DENIED,
        )

    def _shown_before_it_was_told(self, agreed: Agreed) -> bool:
        return self.shown is not Choice.NONE and any(
            hint.choice(self.line) is self.shown
            and maybe_before_first_sight(self.known, agreed, hint, self.context)
            for hint in self.hints
        )

    def _refused_too(self) -> bool:
        """Say whether the person refused here as well, before the no that we wrote."""
        return self.shown is Choice.DENIED and any(
            refused_before_us(self.known, hint.choice(self.line), hint.item.received_at)
            for hint in self.hints
        )

    def _went_to_and_fro(self) -> bool:
        """Say whether a hint shows a yes between the no that was known and the no that is shown.

        Then the no is one more refusal, which matters where the other side has agreed meanwhile.
        """
        other = self.known.latest.get(Side.DIDOMI)
        if self.shown is not Choice.DENIED or other is None or other.choice is not Choice.GRANTED:
            return False
        delay = self.context.rules.webhook_max_delay
        grants = own_writes(self.known, Side.ACTITO, Choice.GRANTED)
        return any(
            hint.choice(self.line) is Choice.GRANTED
            and not any(
                write.sent_at <= hint.item.received_at <= write.sent_at + delay for write in grants
            )
            for hint in self.hints
        )

    def _to_and_fro(self) -> _Result:
        said = self._said(Choice.DENIED, OPEN, None)
        known, added = add_statement(self.line, self._settled(), said)
        return _Result(known, added)

    def _came_back(self, agreed: Agreed) -> bool:
        """Say whether a webhook shows a yes that arrived after our unconfirmed no was sent."""
        return any(
            hint.choice(self.line) is Choice.GRANTED and hint.item.received_at > agreed.as_of
            for hint in self.hints
        )

    def statement(self, not_before: Micros, agreed: Agreed | None) -> _Result:
        """Take what this line shows as what the person said, at `not_before` the earliest."""
        said = self._said(self.shown, not_before, agreed)
        known, added = add_statement(self.line, self.known, said)
        known = _after_reading(known, self.shown, self.seen)
        if added is Added.NOT_COUNTED:
            return _Result(
                known,
                added,
                reason="on this line an agreement counts only when given in Didomi",
                choice=self.shown,
            )
        return _Result(known, added)

    def _said(self, choice: Choice, not_before: Micros, agreed: Agreed | None) -> Statement:
        """Build the statement of this reading, its interval as narrow as the hints make it."""
        named = [hint for hint in self.hints if hint.choice(self.line) is not Choice.NONE]
        # Only a webhook that shows this very choice says anything about when it was made.
        told = [hint for hint in named if hint.choice(self.line) is choice]
        if told:
            first = min(hint.item.received_at for hint in told)
            not_before = max(not_before, first - self.context.rules.webhook_max_delay)
        if agreed is not None:
            not_before = lifted(not_before, agreed, self.context.rules)
        by_webhook = bool(named)
        evidence = f"event {named[0].item.id}" if by_webhook else "a look at Actito"
        return Statement(
            id=f"actito-{self.seen.asked_at}-{choice}",
            side=Side.ACTITO,
            choice=choice,
            not_before=not_before,
            not_after=max(self.seen.read_at, not_before),
            dated=self.seen.read_at,
            delay=0 if by_webhook else max(0, self.seen.read_at - not_before),
            evidence=evidence,
        )

    def _repeated(self) -> LineState:
        known = self._settled()
        for hint in self.hints:
            if hint.choice(self.line) is self.shown:
                known = said_again(known, self.shown, hint.item.received_at, self.context)
        return known

    def _settled(self) -> LineState:
        return _after_reading(self.known, self.shown, self.seen)


def _after_reading(known: LineState, shown: Choice, seen: ProfileReading) -> LineState:
    known = with_agreed(resolved(known, Side.ACTITO, shown), Side.ACTITO, shown, seen.asked_at)
    return with_refusal(known, Side.ACTITO, seen.read_at) if shown is Choice.DENIED else known


def _entry(line: Line, result: _Result, context: Context) -> Entry:
    return Entry(
        at=context.now,
        kind=Kind.CONFIRMED if result.verdict is Verdict.CONFIRMED else Kind.DECIDED,
        verdict=result.verdict,
        reason=result.reason,
        side=Side.ACTITO,
        line=line.id,
        line_number=line.line_number,
        choice=result.choice,
    )
