"""A town of its own for each module: starting a process takes longer than most tests."""

from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio

from tests.system.harness import Town, town

QUIET_SWITCHES: Final = "the switches a module starts with"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """Start one service for all tests of the module; what it logs must name nobody."""
    async with town(tmp_path_factory.mktemp("town")) as place:
        yield place
        leaks = place.leaks(place.service.output())
        assert leaks == [], "people or secrets in the log"


@pytest_asyncio.fixture(loop_scope="module")
async def place(shared_town: Town) -> AsyncIterator[Town]:
    """Hand out the module's town: switches as at the start, no faults, no calls, all at rest."""
    actito = shared_town.actito.switches.model_dump()
    didomi = shared_town.didomi.switches.model_dump()
    await shared_town.quiet()
    shared_town.forget()
    yield shared_town
    shared_town.actito.switches.change(actito)
    shared_town.didomi.turn(**didomi)
    shared_town.actito.faults.clear()
    shared_town.didomi.faults.clear()
