"""A person who is to go: what a turn makes of a deletion on a side, or of an erasure asked for.

The other side is dealt with first, as the policy says, and only then the person is erased here. So
nothing of it is forgotten by a crash: what asked for it waits until the erasure is done.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from consent_sync.domain.consent import WriteOutcome
from consent_sync.domain.erasure import BY_COMMAND, BY_DELETION, BY_PROFILE, DeletionPolicy
from consent_sync.domain.errors import (
    CredentialError,
    NotNowError,
    PermanentError,
    TemporaryError,
)
from consent_sync.domain.identity import Side
from consent_sync.domain.ledger import Write
from consent_sync.domain.state import PersonState, Presence
from consent_sync.domain.values import replaced
from consent_sync.services.account import Taken
from consent_sync.services.deletion import Departures, refused_everywhere
from consent_sync.services.drafts import actito_keys, didomi_ouids
from consent_sync.services.progress import Progress

_STRICTEST: Final = (DeletionPolicy.DELETE, DeletionPolicy.OPT_OUT, DeletionPolicy.KEEP)


@dataclass(slots=True)
class Departure:
    """The departure of one person in one turn; `gone` once it is certain that they are to go."""

    progress: Progress
    taken: Sequence[Taken]
    gone: bool = False
    policy: DeletionPolicy = DeletionPolicy.KEEP
    cause: str = BY_DELETION

    def looks(self) -> set[Side]:
        """Return the sides to read before anything is decided."""
        if any(taken.asked for taken in self.taken):
            return set(Side)
        if not any(taken.deletion for taken in self.taken):
            return {Side.DIDOMI} if self._vanished() else set()
        deletes = self._departures().user is not DeletionPolicy.KEEP
        return set(Side) if deletes else {Side.DIDOMI}

    def decide(self) -> None:
        """Find out whether the person is to go, and let them refuse everything if that is meant."""
        progress = self.progress
        asked = [taken.asked for taken in self.taken if taken.asked]
        if asked:
            self.gone, self.cause = True, BY_COMMAND
            self.policy = min(asked, key=_STRICTEST.index)
        elif any(taken.deletion for taken in self.taken) and Side.DIDOMI in progress.looked:
            # Didomi deletes records when it merges them, too: what the look shows decides.
            self.gone = progress.state.user is Presence.MISSING
            self._settle(self._departures().user, BY_DELETION)
        elif self._vanished() and Side.DIDOMI in progress.looked:
            self.gone = True
            for taken in self._hints():
                taken.deletion = True
            self._settle(self._departures().profile, BY_PROFILE)
        if not self.gone:
            return
        # Nobody is created to be refused, whatever the mapping says.
        progress.mapping = replace(progress.mapping, upsert_mode=False, create_in_didomi=False)
        if self.policy is DeletionPolicy.OPT_OUT:
            at = max(taken.stored.event.received_at for taken in self.taken if taken.deletion)
            progress.state, touched = refused_everywhere(progress.state, at, progress.context())
            progress.touched |= touched

    def to_be_known(self, state: PersonState) -> PersonState:
        """Return the state to keep until the next attempt.

        Only of a profile that was there it can be told that it vanished.
        """
        if self.gone and self.cause == BY_PROFILE:
            return replaced(state, profile=Presence.PRESENT)
        return state

    @property
    def deletes(self) -> bool:
        """Whether somebody is to be deleted on a side, so that nothing else is worth writing."""
        return self.gone and self.policy is DeletionPolicy.DELETE

    async def delete(self) -> None:
        """Delete the person wherever they were seen; raise TemporaryError when it has to wait."""
        state, tools = self.progress.state, self.progress.tools
        context = self.progress.context()
        there = {Side.ACTITO: state.profile, Side.DIDOMI: state.user}
        for side in sorted(context.paused):
            if there[side] is Presence.PRESENT:
                raise NotNowError(f"writing to {side.value.capitalize()} is paused by an operator")
        try:
            if state.profile is Presence.PRESENT:
                await self._announce(Side.ACTITO)
                for key in actito_keys(state, context):
                    await tools.profiles.delete(self.progress.mapping, key)
            if state.user is Presence.PRESENT:
                await self._announce(Side.DIDOMI)
                for ouid in didomi_ouids(state, context):
                    await tools.consents.delete_user(self.progress.mapping, ouid)
        except (PermanentError, CredentialError) as error:
            # A right to delete is one of its own: without it everything else goes on. It may be
            # given later; after the last attempt it is a dead letter.
            raise TemporaryError(str(error)) from error

    async def _announce(self, side: Side) -> None:
        now = self.progress.tools.clock.now()
        if self.cause != BY_COMMAND:
            self._departures().pace.take(now)
        await self.progress.announce([Write(side, (), now, now, WriteOutcome.IN_FLIGHT)])

    def _settle(self, policy: DeletionPolicy, cause: str) -> None:
        for taken in self.taken:
            if taken.deletion:
                taken.open = self.gone
        if policy is DeletionPolicy.DELETE and self._departures().shared(self.progress.mapping):
            policy = DeletionPolicy.OPT_OUT
        self.policy, self.cause = policy, cause

    def _vanished(self) -> bool:
        """Say whether a webhook of Actito is about a profile that was there and is gone now."""
        state = self.progress.state
        return (
            self._departures().profile is not DeletionPolicy.KEEP
            and Side.ACTITO in self.progress.looked
            and state.profile is Presence.MISSING
            and self.progress.turn.state.profile is Presence.PRESENT
            and bool(self._hints())
        )

    def _hints(self) -> list[Taken]:
        return [
            taken
            for taken in self.taken
            if taken.stored.event.source is Side.ACTITO and taken.open and not taken.asked
        ]

    def _departures(self) -> Departures:
        return self.progress.tools.departures or Departures()
