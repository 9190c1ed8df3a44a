"""The board of a store that one process owns: notices in the file, leads in memory."""

from collections.abc import Callable, Sequence

from consent_sync.adapters.storage.statements import Statements
from consent_sync.domain.moments import SECOND, Micros
from consent_sync.ports.board import Notice
from consent_sync.ports.clock import Clock


class Boarding:
    """The statements of writing notices."""

    def __init__(self, statements: Statements) -> None:
        self._statements = statements

    def pin(self, calls: Sequence[tuple[str, int, bytes]]) -> list[bool]:
        """Write where the version is the one given; say whether it was."""
        return [self._statements.change("pin_notice", *call) > 0 for call in calls]


class Leads:
    """Who does which work. After a restart nobody does: nobody else can have gone on with it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[str, tuple[str, Micros]] = {}

    def lead(self, name: str, holder: str, seconds: float) -> bool:
        """Take or keep a piece of work; false while another holder has it."""
        now = self._clock.now()
        other, until = self._held.get(name, (holder, now))
        if other != holder and now < until:
            return False
        self._held[name] = holder, now + round(seconds * SECOND)
        return True

    def resign(self, name: str, holder: str) -> None:
        """Leave it, where it is ours."""
        if self._held.get(name, ("",))[0] == holder:
            del self._held[name]


class BoardInMemory:
    """The whole board as long as the object lives; `opened` raises StoreError while it is closed."""

    def __init__(self, clock: Clock, opened: Callable[[], object]) -> None:
        self._notices: dict[str, Notice] = {}
        self._leads = Leads(clock)
        self._opened = opened

    async def notice(self, name: str) -> Notice:
        """Return what is written under this name."""
        self._opened()
        return self._notices.get(name, Notice(0, b""))

    async def pin(self, name: str, version: int, body: bytes) -> bool:
        """Write where it still has this version; say whether it had."""
        if (await self.notice(name)).version != version:
            return False
        self._notices[name] = Notice(version + 1, body)
        return True

    async def lead(self, name: str, holder: str, seconds: float) -> bool:
        """Take or keep the work of this name for so long; false while another holder has it."""
        self._opened()
        return self._leads.lead(name, holder, seconds)

    async def resign(self, name: str, holder: str) -> None:
        """Leave the work of this name to whoever takes it next."""
        self._leads.resign(name, holder)
