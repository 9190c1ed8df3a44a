"""A platform that is away: left in peace, nothing given up, and everybody called when it is back."""

from pathlib import Path

from consent_sync.simulators.faults import Fault
from tests.system.harness import town, until

NO = {"channels": {"email": False}}
PEOPLE = 30


async def test_actito_is_left_in_peace_while_it_is_away_and_then_everybody_is_served(
    tmp_path: Path,
) -> None:
    """Few calls go out meanwhile, no attempt is wasted, and the end of it calls all who wait."""
    async with town(tmp_path, variables={"BREAKER_FAILURES": "3"}) as place:
        people = [place.person(f"ada_{n}", Newsletter=True) for n in range(PEOPLE)]
        place.actito.faults.add(Fault(status=503, count=None))
        for person in people:
            place.didomi.click(person.ouid, NO)
        await until("it is known", lambda: bool(place.service.events("platform_not_called")))
        calls = sum(place.calls().values())
        during = await place.status()
        place.actito.faults.clear()
        await place.all_agree(people, "Newsletter", False)
        after = await place.status()

    assert calls < 3 * PEOPLE
    assert [(one["side"], one["cause"]) for one in during["not_called"]] == [("actito", "trouble")]
    assert (after["not_called"], after["failed"]) == ([], 0)
    assert place.service.events("platform_called_again")
