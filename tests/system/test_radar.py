"""The periodic look in the real process: a subscription vanishes and comes back."""

from functools import partial
from pathlib import Path

from tests.system.harness import Town, town, until

BOTH_YES = {"channels": {"email": True}, "purposes": {"marketing": True}}


def told(place: Town, event: str) -> bool:
    return bool(place.service.events(event))


async def test_vanished_subscription_stops_its_line_and_nothing_else(tmp_path: Path) -> None:
    """The newsletter goes on; what was agreed on the resting line follows once it is back."""
    async with town(tmp_path, variables={"DISCOVER_EVERY_SECONDS": "0.1"}) as place:
        gil = place.person("gil")
        table = place.actito.world.pick()
        table.remove_subscription("DailyDeals")
        await until("the line rests", partial(told, place, "line_rests"))
        place.didomi.click(gil.ouid, BOTH_YES)
        await place.agree(gil, "Newsletter", True)
        await place.quiet()

        assert await place.verdicts(gil, "DailyDeals") == ["waiting_retry"]
        assert (await place.status())["failed"] == 0

        table.add_subscription("DailyDeals")
        await until("the line goes on", partial(told, place, "line_goes_on"))
        place.didomi.click(gil.ouid, BOTH_YES)
        await place.agree(gil, "DailyDeals", True)


async def test_what_nobody_mapped_is_told_once(tmp_path: Path) -> None:
    """The log names it when it appears, not at every look."""
    async with town(tmp_path, variables={"DISCOVER_EVERY_SECONDS": "0.1"}) as place:
        table = place.actito.world.pick()
        await until("a first look", partial(told, place, "not_in_a_mapping"))
        before = len(place.service.events("not_in_a_mapping"))
        table.add_subscription("Weekend")
        await until(
            "the newcomer is told",
            lambda: len(place.service.events("not_in_a_mapping")) == before + 1,
        )

        newest = place.service.events("not_in_a_mapping")[-1]
        assert "Weekend" in newest["subscriptions"]
        assert newest["mapping"] == "brand-a"
