"""Replay: an accepted event waits again, a refused one is read again, nothing reaches a stranger."""

from dataclasses import replace

import orjson
import pytest

from consent_sync.adapters.actito.webhook import ActitoReceiver
from consent_sync.adapters.didomi.webhook import DidomiReceiver
from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.domain.consent import Choice
from consent_sync.domain.errors import AbsentError, RefusedError
from consent_sync.domain.identity import Side, Subject, unresolved_person
from consent_sync.ports.lists import ChoiceRow
from consent_sync.ports.store import RefusedRequest, Settlement
from consent_sync.services.file_rows import body_of
from consent_sync.services.intake import Intake
from consent_sync.services.profiles import ProfileIndex
from consent_sync.services.replay import Preview, Replay, Replayed, ReplayLook
from tests.services.people import NOON, FixedMappings, StandingClock, didomi_event, mapping

ADA = Subject("brand-a", "ada@example.com")


class Desk:
    """A replay over a memory store, and what is needed to look behind it."""

    def __init__(self, *accounts: str) -> None:
        self.clock = StandingClock()
        self.store = MemoryStore(self.clock)
        names = [("brand-a", ""), *((f"brand-{account}", account) for account in accounts)]
        found = [replace(mapping(name), account=account) for name, account in names]
        self.mappings = FixedMappings(*found)
        didomi, actito = DidomiReceiver(), ActitoReceiver()
        self.intake = Intake(self.store, self.mappings, didomi, actito, self.clock, ProfileIndex())
        self.look = ReplayLook(
            self.store, self.mappings, didomi, actito, lambda mapping: mapping.account
        )
        self.replay = Replay(self.look, self.intake, self.clock)

    async def take_everything(self) -> None:
        """Settle all turns, so that nothing waits."""
        for turn in await self.store.claim(100):
            done = tuple(item.id for item in turn.items)
            await self.store.settle(Settlement(turn.subject, turn.state, None, done=done))

    async def waiting(self, subject: Subject) -> int:
        return len(await self.store.waiting(subject))


async def opened(*accounts: str) -> Desk:
    desk = Desk(*accounts)
    await desk.store.open()
    return desk


def body(value: object) -> bytes:
    return orjson.dumps(value)


async def refuse(desk: Desk, content: bytes, side: Side = Side.DIDOMI, name: str = "") -> int:
    return await desk.store.refuse(RefusedRequest(side, name, NOON, 401, "bad-secret", content))


async def test_an_accepted_event_waits_again_for_its_person() -> None:
    """A taken event is queued once more, and the preview said so before."""
    desk = await opened()
    await desk.intake.accept_didomi(body(didomi_event()))
    await desk.take_everything()

    assert await desk.look.preview(1) == Preview(1, Side.DIDOMI, False, 1, 1)
    assert await desk.waiting(ADA) == 0

    done = await desk.replay.replay(1)

    assert done == Replayed(1, Side.DIDOMI, False, 1, 1, 0)
    assert await desk.waiting(ADA) == 1


async def test_an_event_of_nobody_is_replayed_for_nobody() -> None:
    """A guest's event concerns no person, also the second time."""
    desk = await opened()
    await desk.intake.accept_didomi(body(didomi_event(None)))

    assert (await desk.replay.replay(1)).persons == 0


async def test_an_actito_event_waits_again_under_its_profile() -> None:
    """Without a key in it, the event waits for whoever has the profile."""
    desk = await opened()
    content = body({"tableId": "21", "data": {"profileId": "1001", "Newsletter": "false"}})
    await desk.intake.accept_actito("brand-a", content)
    await desk.take_everything()
    await desk.replay.replay(1)

    assert await desk.waiting(Subject("brand-a", unresolved_person("1001"))) == 1


async def test_an_actito_event_with_its_key_waits_for_that_person() -> None:
    """A key in the event names the person at once."""
    desk = await opened()
    data = {"profileId": "1001", "customerId": "ada@example.com", "Newsletter": "false"}
    await desk.intake.accept_actito("brand-a", body({"tableId": "21", "data": data}))
    await desk.take_everything()
    await desk.replay.replay(1)

    assert await desk.waiting(ADA) == 1


async def test_a_refused_request_is_read_again_and_accepted() -> None:
    """All events of a refused array are accepted as new ones, and only once."""
    desk = await opened()
    number = await refuse(desk, body([didomi_event(), didomi_event("ben@example.com", 2)]))

    assert await desk.look.preview(number) == Preview(number, Side.DIDOMI, True, 2, 2)
    assert await desk.replay.replay(number) == Replayed(number, Side.DIDOMI, True, 2, 2, 0)
    assert await desk.waiting(ADA) == 1
    assert await desk.replay.replay(number) == Replayed(number, Side.DIDOMI, True, 2, 0, 2)


async def test_a_refused_actito_request_is_accepted_for_its_mapping() -> None:
    """The address it was sent to says for which mapping."""
    desk = await opened()
    content = body({"tableId": "21", "data": {"customerId": "ada@example.com", "News": "false"}})
    number = await refuse(desk, content, Side.ACTITO, "brand-a")

    assert (await desk.replay.replay(number)).accepted == 1
    assert await desk.waiting(ADA) == 1


async def test_what_cannot_be_read_stays_refused() -> None:
    """Nonsense is refused again, with where and why."""
    desk = await opened()
    number = await refuse(desk, b"nonsense")

    with pytest.raises(RefusedError, match="not JSON"):
        await desk.look.preview(number)
    with pytest.raises(RefusedError, match="not JSON"):
        await desk.replay.replay(number)


async def test_a_number_that_is_not_there() -> None:
    """A number nobody has, and a mapping that is gone, are absent."""
    desk = await opened()
    number = await refuse(desk, body({"data": {"profileId": "1"}}), Side.ACTITO, "brand-z")

    with pytest.raises(AbsentError, match="number 4711"):
        await desk.look.preview(4711)
    with pytest.raises(AbsentError, match="not in force"):
        await desk.replay.replay(number)


async def test_an_event_reaches_no_other_account_by_accident() -> None:
    """Where mappings belong to several accounts, somebody must say whose the event is."""
    desk = await opened("b")
    number = await refuse(desk, body(didomi_event()))

    with pytest.raises(RefusedError, match="several accounts"):
        await desk.replay.replay(number)

    assert (await desk.replay.replay(number, "brand-b")).persons == 1
    assert await desk.waiting(ADA) == 0
    assert await desk.waiting(Subject("brand-b", "ada@example.com")) == 1


async def test_a_row_of_a_file_is_not_taken_by_itself() -> None:
    """Its file is loaded once more instead."""
    desk = await opened()
    row = ChoiceRow(2, "ada@example.com", {"Newsletter": Choice.DENIED}, None)
    await desk.intake.accept_rows("brand-a", [body_of(row)])

    with pytest.raises(RefusedError, match="load the file"):
        await desk.look.preview(1)


async def test_a_mapping_that_is_not_in_force_takes_no_rows() -> None:
    """Nobody would know whom they are about."""
    desk = await opened()

    with pytest.raises(AbsentError):
        await desk.intake.accept_rows("brand-z", [])
