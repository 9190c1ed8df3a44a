"""What repairing would do is counted; strangers' agreements are nobody's to raise."""

from collections.abc import Sequence

import orjson
import pytest

from consent_sync.domain.compare import Difference
from consent_sync.domain.consent import Choice
from consent_sync.domain.identity import Side, Subject
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.verdicts import Verdict
from consent_sync.services.scan import Found
from consent_sync.services.sweep import Repair, Tally, asks_for_a_turn, weighed
from tests.doubles.clock import NOON
from tests.doubles.mappings import a_line, a_mapping

YES, NO = Choice.GRANTED, Choice.DENIED


class Doorstep:
    """Remembers what was handed in."""

    def __init__(self) -> None:
        self.handed: list[tuple[str, bytes]] = []

    async def didomi(self, mapping: Mapping, bodies: Sequence[bytes]) -> int:
        self.handed += [("didomi", body) for body in bodies]
        return len(bodies)

    async def actito(self, mapping: Mapping, bodies: Sequence[bytes]) -> int:
        self.handed += [("actito", body) for body in bodies]
        return len(bodies)

    async def file(self, mapping: Mapping, bodies: Sequence[bytes]) -> int:
        raise AssertionError(bodies)


def found(
    proposed: Choice = NO,
    *writes: Side,
    verdict: Verdict = Verdict.APPLIED,
    held: str = "",
    known: bool = True,
    creates: bool = False,
) -> Found:
    one = Difference(a_line(), YES, NO, {}, proposed, verdict, "", writes, held)
    subject = Subject("brand-a", "ann@example.com")
    return Found(
        subject, "ann@example.com", NOON, (one,), known, creates, (b"{}",), "ann@example.com"
    )


@pytest.mark.parametrize(
    ("one", "weight", "turn"),
    [
        (found(NO, Side.ACTITO), Tally(1, lowered=1), True),
        (found(YES, Side.ACTITO), Tally(1, raised=1), True),
        (found(YES, Side.ACTITO, creates=True), Tally(1, raised=1, created=1), True),
        (found(YES, Side.ACTITO, known=False), Tally(1, strangers=1), False),
        (found(NO, Side.ACTITO, known=False), Tally(1, lowered=1), True),
        (found(YES, verdict=Verdict.HELD_REVIEW), Tally(1, held=1), True),
        (found(YES, verdict=Verdict.HELD_REVIEW, held="held_review"), Tally(1, held=1), False),
        (found(NO, verdict=Verdict.NO_CHANGE), Tally(1), False),
    ],
)
def test_what_a_repair_weighs(one: Found, weight: Tally, turn: bool) -> None:
    """Only what a turn would change is handed on; a stranger's agreement never is."""
    assert weighed(one) == weight
    assert asks_for_a_turn(one) is turn


async def test_a_repair_comes_in_as_webhooks() -> None:
    """First what Didomi shows, then a look at the profile."""
    door, mapping = Doorstep(), a_mapping()
    repair = Repair(lambda: {mapping.name: mapping}, door)
    await repair.take(found(NO, Side.ACTITO))
    await repair.take(found(YES, Side.ACTITO, known=False))

    assert [side for side, _ in door.handed] == ["didomi", "actito"]
    assert orjson.loads(door.handed[1][1]) == {"customerId": "ann@example.com"}
    assert repair.tally == Tally(2, lowered=1, strangers=1, repaired=1)


async def test_without_a_door_it_only_counts() -> None:
    """Nothing is handed to anybody."""
    mapping = a_mapping()
    repair = Repair(lambda: {mapping.name: mapping}, None)
    await repair.take(found(NO, Side.ACTITO))

    assert repair.tally == Tally(1, lowered=1)
