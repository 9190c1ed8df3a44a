"""How the client deletes a user: the records of exactly that person, with their events."""

from dataclasses import replace

import pytest

from consent_sync.domain.errors import PermanentError, TemporaryError
from consent_sync.domain.events import UserMissing, UserReading
from consent_sync.simulators.faults import Fault, FaultKind
from tests.providers.didomi.stage import MAPPING, OUID, Stage, stage

CHOICES = {"purposes": {"marketing": True}}
OTHER = "user-124@example.com"


async def shown(scene: Stage, ouid: str) -> type:
    return type(await scene.client.read_user(MAPPING, ouid, "gdpr"))


async def test_a_user_goes_with_every_record_and_event() -> None:
    """Events first, each by its id; somebody else stays; once more is no error."""
    async with stage(records_per_ouid="several") as scene:
        for ouid in (OUID, OUID, OTHER):
            scene.didomi.click(ouid, CHOICES)
            scene.clock.advance(60)
        await scene.client.delete_user(MAPPING, OUID)
        await scene.client.delete_user(MAPPING, OUID)

        assert (await shown(scene, OUID), await shown(scene, OTHER)) == (UserMissing, UserReading)
        assert len(scene.didomi.world.events) == 1
        assert scene.asked("consents.events.delete") == 2


async def test_a_user_of_another_regulation_goes_too() -> None:
    """Every regulation that the mapping takes is looked through."""
    mapping = replace(MAPPING, regulations=("gdpr", "cpra"))
    async with stage() as scene:
        scene.didomi.click(OUID, CHOICES, regulation="cpra")
        await scene.client.delete_user(mapping, OUID)

        assert scene.asked("consents.users.delete") == 1


async def test_a_user_that_is_still_shown_is_tried_again() -> None:
    """Nobody counts as deleted who can still be seen."""
    async with stage() as scene:
        scene.didomi.click(OUID, CHOICES)
        scene.didomi.faults.add(Fault(route="consents.users.delete", kind=FaultKind.NOTHING))

        with pytest.raises(TemporaryError, match="still shown"):
            await scene.client.delete_user(MAPPING, OUID)


async def test_a_filter_that_does_not_work_deletes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """More records than one person can have are no one person's."""
    monkeypatch.setattr("consent_sync.adapters.didomi.erasing.MAX_RECORDS", 0)
    async with stage() as scene:
        scene.didomi.click(OUID, CHOICES)

        with pytest.raises(PermanentError, match="for one person"):
            await scene.client.delete_user(MAPPING, OUID)
        assert await shown(scene, OUID) is UserReading
