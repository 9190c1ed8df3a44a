"""One test of the privacy team on its stage: what happens, and what came of it."""

from collections.abc import Mapping as MappingView
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.adapters.trial_files import (
    Expected,
    Happening,
    Trial,
)
from consent_sync.adapters.trial_files.reading import plain_text
from consent_sync.app.stage import Stage
from consent_sync.domain.actito_looks import fold_profile_missing, fold_profile_reading
from consent_sync.domain.consent import Choice, ConsentTree, Node, Pick
from consent_sync.domain.didomi_looks import fold_user_missing, fold_user_reading
from consent_sync.domain.errors import RefusedError
from consent_sync.domain.events import (
    ConsentEvent,
    DidomiItem,
    EventKind,
    ProfileHint,
    ProfileMissing,
    UnknownItem,
    UserMissing,
)
from consent_sync.domain.identity import (
    Names,
    Normalise,
    Side,
    Subject,
    person_from_actito_key,
)
from consent_sync.domain.lines import Context
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import HOUR, SECOND, Micros
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import PersonState
from consent_sync.domain.verdicts import Entry, Kind, Verdict

BEGIN: Final[Micros] = 1_767_268_800 * SECOND
"""2026-01-01T12:00:00Z: when the first event of a test happens, unless a payload says when."""

_DAY: Final = 24 * HOUR
_NOBODY: Final = "nothing"


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One expectation that does not hold: what was found, and what decided."""

    expected: Expected
    found: str
    reason: str

    @property
    def what(self) -> str:
        """Return what it is about in words, such as `subscriptions Newsletter`."""
        return f"{self.expected.part} {self.expected.name}".strip()


class Play:
    """One test on its stage: `run` once, then `mismatches`; both raise RefusedError."""

    def __init__(self, mapping: Mapping, trial: Trial, rules: Rules) -> None:
        self._mapping = mapping
        self._given = trial.given
        self._trial = trial
        self._lines = {line.id: line for line in mapping.lines}
        self._key = trial.given.person
        self._person = person_from_actito_key(self._key, mapping.normalise)
        hashed = mapping.normalise is Normalise.SHA256
        self._ouid = self._person if hashed else self._key
        self._subject = Subject(mapping.name, self._person)
        self._begin = _first_date(trial.happenings)
        self._stage = Stage(mapping, rules, self._begin - _DAY)
        self._number = 0

    async def run(self) -> None:
        """Let everything happen, each event followed by what the program makes of it."""
        await self._stage.store.open()
        self._seed()
        if self._given.known:
            await self._look_before()
        self._stage.clock.move_to(self._begin)
        for happening in self._trial.happenings:
            await self._pass(happening.after)
            if happening.payload is not None:
                await self._deliver(happening, happening.payload)
            elif happening.side is Side.DIDOMI:
                await self._choose(happening)
            else:
                await self._change(happening)
            await self._stage.run()

    # --- before anything happens ---

    def _seed(self) -> None:
        given, now = self._given, self._stage.clock.now()
        if given.profile:
            profile = self._stage.profiles.profile(self._profile_key(), given.profile_id)
            profile.subscriptions.update(given.subscriptions)
            profile.attributes.update(given.attributes)
        if given.didomi:
            user = self._stage.consents.user(self._ouid, self._mapping.regulations[0])
            user.take(self._tree(given.didomi), now)

    async def _look_before(self) -> None:
        """Let the program have seen what both sides hold, as after any earlier turn."""
        stage, mapping = self._stage, self._mapping
        context = Context(self._subject, mapping, stage.rules, stage.clock.now())
        state = PersonState()
        profile = await stage.profiles.read_by_key(mapping, self._profile_key())
        if isinstance(profile, ProfileMissing):
            state = fold_profile_missing(state, profile, (), context).state
        else:
            state = fold_profile_reading(state, profile, (), context).state
        user = await stage.consents.read_user(mapping, self._ouid, mapping.regulations[0])
        if isinstance(user, UserMissing):
            state = fold_user_missing(state)
        else:
            state = fold_user_reading(state, user, context)
            names = replace(state.names, ouid=self._ouid)
            state = replace(state, names=names, spellings=(self._ouid,))
        stage.store.know(self._subject, state)

    def _profile_key(self) -> str:
        if self._mapping.normalise in {Normalise.NONE, Normalise.SHA256}:
            return self._key
        return self._person

    # --- what happens ---

    async def _pass(self, span: Micros) -> None:
        """Let time pass, and what is due by then be done."""
        clock = self._stage.clock
        clock.move_to(clock.now() + span + SECOND)
        await self._stage.run()

    async def _choose(self, happening: Happening) -> None:
        """Let the person save a page of choices in Didomi."""
        made = self._stage.clock.now()
        regulation = happening.regulation or self._mapping.regulations[0]
        user = self._stage.consents.user(self._ouid, regulation)
        tree = self._tree(happening.choices, user.tree())
        user.take(tree, made)
        self._number += 1
        item = DidomiItem(
            EventKind.CONSENT_EVENT,
            "event.created",
            self._ouid,
            regulation,
            event=ConsentEvent(f"test-{self._number}", made, "confirmed", tree),
            metadata=happening.metadata,
        )
        await self._pass(happening.delayed)
        await self._stage.intake.accept_didomi(self._stage.contents.keep(item))

    async def _change(self, happening: Happening) -> None:
        """Let somebody change subscriptions of the profile in Actito."""
        profile = self._stage.profiles.profile(self._profile_key(), self._given.profile_id)
        profile.subscriptions.update(happening.subscriptions)
        names = Names(actito_key=self._profile_key(), profile_id=profile.profile_id)
        body = self._stage.contents.keep(ProfileHint(names, happening.subscriptions))
        await self._pass(happening.delayed)
        await self._stage.intake.accept_actito(self._mapping.name, body)

    async def _deliver(self, happening: Happening, body: bytes) -> None:
        """Let a whole webhook body arrive, of a platform that holds what it says."""
        stage, intake = self._stage, self._stage.intake
        if happening.side is Side.DIDOMI:
            for arrival in stage.didomi.arrivals(body):
                self._hold(stage.didomi.understand(arrival.body))
            await self._pass(happening.delayed)
            await intake.accept_didomi(body)
            return
        key = self._mapping.key_attribute
        for arrival in stage.actito.arrivals(body, key):
            hint = stage.actito.understand(arrival.body, key)
            if isinstance(hint, ProfileHint):
                profile = stage.profiles.profile(self._profile_key(), hint.names.profile_id)
                profile.subscriptions.update(hint.subscriptions)
        await self._pass(happening.delayed)
        await intake.accept_actito(self._mapping.name, body)

    def _hold(self, item: DidomiItem | UnknownItem) -> None:
        if isinstance(item, UnknownItem) or not item.ouid:
            return
        user = self._stage.consents.user(item.ouid, item.regulation)
        event, clock = item.event, self._stage.clock
        # What a body tells happened at its own time, and is told soon after.
        clock.move_to((_date_of(item) or 0) + SECOND)
        if event is not None and event.created_at is not None and event.status == "confirmed":
            user.take(event.tree, event.created_at)
        if item.shown is not None:
            user.take(item.shown, item.updated_at or clock.now())

    def _tree(
        self, choices: MappingView[str, Choice], held: ConsentTree | None = None
    ) -> ConsentTree:
        """Return choices as Didomi says them; the list of a preference is always sent whole."""
        nodes: dict[Node, Choice] = {}
        picks: dict[Pick, frozenset[str]] = {}
        for name, choice in choices.items():
            node = self._lines[name].node
            if not node.option:
                nodes[node] = choice
                continue
            pick = Pick(node.purpose, node.preference)
            before = held.picks.get(pick, frozenset()) if held else frozenset()
            options, one = picks.get(pick, before), frozenset({node.option})
            picks[pick] = options | one if choice is Choice.GRANTED else options - one
        return ConsentTree(nodes, picks)

    # --- what came of it ---

    async def mismatches(self) -> list[Mismatch]:
        """Return what does not hold, in the order of the file."""
        records = await self._stage.store.timeline(self._subject, 100_000)
        entries = [entry for record in reversed(records) for entry in record.entries]
        found = []
        for expected in self._trial.expected:
            value = self._value(expected, entries)
            if value != expected.wanted:
                found.append(Mismatch(expected, value, self._reason(expected, entries)))
        return found

    def _value(self, expected: Expected, entries: Sequence[Entry]) -> str:
        profile = self._stage.profiles.profiles.get(self._profile_key())
        if expected.part == "profile":
            return plain_text(profile is not None)
        if expected.part == "subscriptions":
            value = profile.subscriptions.get(expected.name) if profile else None
            return "none" if value is None else plain_text(value)
        if expected.part == "attributes":
            attribute = profile.attributes.get(expected.name) if profile else None
            return _NOBODY if attribute is None else plain_text(attribute)
        if expected.part == "didomi":
            user = self._stage.consents.find(self._ouid, self._mapping.regulations[0])
            return user.holds(self._lines[expected.name].node) if user else Choice.NONE
        if expected.part == "received":
            received = [entry.verdict for entry in entries if entry.kind is Kind.RECEIVED]
            at = int(expected.name) - 1
            return received[at] if at < len(received) else _NOBODY
        said = [entry.verdict for entry in entries if entry.line == expected.name]
        return said[-1] if said else Verdict.NO_CHANGE

    def _reason(self, expected: Expected, entries: Sequence[Entry]) -> str:
        """Return why it ended so, as the person's timeline tells it."""
        if expected.part == "received":
            received = [entry.reason for entry in entries if entry.kind is Kind.RECEIVED]
            return "".join(received[int(expected.name) - 1 : int(expected.name)])
        said = [entry.reason for entry in entries if entry.line == expected.name]
        if said or expected.part == "attributes":
            return said[-1] if said else ""
        received = [entry.reason for entry in entries if entry.kind is Kind.RECEIVED]
        return received[-1] if received else "no event concerned this person"


def _first_date(happenings: Sequence[Happening]) -> Micros:
    """Return when a test begins: with the oldest date in its payloads, where they have one."""
    receiver = DidomiReceiver()
    dates: list[Micros] = []
    for one in happenings:
        if one.payload is None or one.side is not Side.DIDOMI:
            continue
        # A body that is refused is told when it arrives.
        with suppress(RefusedError):
            for arrival in receiver.arrivals(one.payload):
                date = _date_of(receiver.understand(arrival.body))
                dates += [date] if date is not None else []
    return min(dates, default=BEGIN)


def _date_of(item: DidomiItem | UnknownItem) -> Micros | None:
    if isinstance(item, UnknownItem):
        return None
    return item.event.created_at if item.event is not None else item.updated_at
