"""A line whose subscription or purpose has vanished rests; everything else goes on."""

import pytest

from consent_sync.domain.consent import Choice, Node
from consent_sync.domain.identity import Side
from consent_sync.domain.inventory import Inventory
from consent_sync.domain.mapping import SyncMode
from consent_sync.domain.moments import HOUR
from consent_sync.domain.profile import TableStructure
from consent_sync.domain.verdicts import Verdict
from consent_sync.services.stops import LineStops
from tests.doubles.engine import Engine
from tests.doubles.mappings import EMAIL, MARKETING, a_line, a_mapping
from tests.doubles.platforms import Profile

ANN = "ann@example.com"
YES, NO = Choice.GRANTED, Choice.DENIED
MAPPING = a_mapping(a_line("Newsletter", EMAIL), a_line("Ads", MARKETING, number=15))
WHOLE = ({"Newsletter", "Ads"}, {"marketing", "news"})


def seen(subscriptions: set[str], purposes: set[str]) -> dict[str, Inventory]:
    """Return one look that shows these."""
    table = TableStructure("21", "Customers", {}, frozenset(subscriptions))
    return {"brand-a": Inventory(frozenset({"Customers"}), table, frozenset(purposes))}


def looks(stops: LineStops, *found: tuple[set[str], set[str]]) -> list[list[tuple[str, bool]]]:
    return [
        [(one.line, one.stop is not None) for one in stops.look([MAPPING], seen(*one_look))]
        for one_look in found
    ]


def test_line_rests_after_two_looks_and_goes_on_after_one() -> None:
    """A single odd answer of a platform stops nobody's consent."""
    gone = ({"Newsletter"}, {"marketing"})

    assert looks(LineStops(), WHOLE, gone, WHOLE, gone, gone, gone, WHOLE) == [
        [],
        [],
        [],
        [],
        [("Ads", True)],
        [],
        [("Ads", False)],
    ]


def test_look_that_shows_nothing_changes_nothing() -> None:
    """A platform that cannot be asked, or lists nothing, neither stops a line nor lets it go on."""
    stops = LineStops()
    gone = ({"Newsletter"}, {"marketing"})
    nothing: tuple[set[str], set[str]] = (set(), set())

    assert looks(stops, WHOLE, nothing, nothing) == [[], [], []]
    assert looks(stops, gone, gone, nothing, nothing)[1:] == [[("Ads", True)], [], []]
    assert [*stops.of(MAPPING)] == ["Ads"]


def test_edited_line_is_another_line() -> None:
    """Naming another place in the file lets the line go on at once."""
    stops = LineStops()
    looks(stops, *[(WHOLE[0], {"other"})] * 2)
    edited = a_mapping(a_line("Newsletter", EMAIL), a_line("Ads", Node("other"), number=15))

    assert [*stops.of(MAPPING)] == ["Ads"]
    assert [*stops.of(edited)] == []


def test_line_that_is_off_never_rests() -> None:
    """There is nothing to stop."""
    stops = LineStops()
    mapping = a_mapping(a_line("Ads", MARKETING, SyncMode.OFF))
    for _ in range(2):
        stops.look([mapping], seen({"Newsletter"}, {"marketing"}))

    assert [*stops.of(mapping)] == []


def engine_without(subscriptions: set[str], purposes: set[str]) -> Engine:
    """Return an engine with Ann's profile, whose radar has missed these twice."""
    engine = Engine(MAPPING)
    engine.actito.profiles[ANN] = Profile("1042")
    for _ in range(2):
        engine.stops.look([MAPPING], seen(WHOLE[0] - subscriptions, WHOLE[1] - purposes))
    return engine


async def test_vanished_subscription_stops_its_line_only() -> None:
    """The other line is written, and the reason of the wait is told."""
    engine = engine_without({"Ads"}, set())
    engine.didomi.click(ANN, {EMAIL: YES, MARKETING: YES})
    engine.deliver_all()
    settlement = await engine.take(ANN)
    said = {one.line: (one.verdict, one.reason) for one in engine.entries(ANN) if one.line}

    assert engine.actito.profiles[ANN].subscriptions == {"Newsletter": True}
    assert said["Ads"][0] is Verdict.WAITING_RETRY
    assert "the subscription `Ads`, which Actito does not have" in said["Ads"][1]
    assert settlement is not None
    assert settlement.due_at is not None


async def test_line_goes_on_by_itself_once_the_name_is_back() -> None:
    """What was agreed meanwhile is brought about without another word of the person."""
    engine = engine_without({"Ads"}, set())
    engine.didomi.click(ANN, {MARKETING: YES})
    engine.deliver_all()
    await engine.take(ANN)
    engine.stops.look([MAPPING], seen(*WHOLE))
    engine.clock.time += HOUR
    await engine.run()

    assert engine.actito.profiles[ANN].subscriptions == {"Ads": True}


async def test_nothing_is_asked_while_a_line_rests() -> None:
    """The wait costs no call."""
    engine = engine_without({"Ads"}, set())
    engine.didomi.click(ANN, {MARKETING: YES})
    engine.deliver_all()
    for _ in range(3):
        await engine.take(ANN)
        engine.clock.time += HOUR

    assert engine.actito.written == []
    assert engine.didomi.written == []


@pytest.mark.parametrize("choice", [YES, NO])
async def test_refusal_is_not_stopped_by_a_vanished_purpose(choice: Choice) -> None:
    """Nobody stays subscribed because a purpose was retired; nobody is newly subscribed, either."""
    engine = engine_without(set(), {"marketing"})
    engine.didomi.click(ANN, {MARKETING: choice})
    engine.deliver_all()
    await engine.take(ANN)
    held = engine.actito.profiles[ANN].subscriptions

    assert held == ({} if choice is YES else {"Ads": False})


async def test_refusal_in_actito_reaches_a_retired_purpose() -> None:
    """Didomi takes choices about purposes that it no longer lists."""
    engine = engine_without(set(), set())
    engine.didomi.click(ANN, {MARKETING: YES})
    await engine.run()
    for _ in range(2):
        engine.stops.look([MAPPING], seen(WHOLE[0], {"news"}))
    engine.clock.advance(60)
    engine.actito.click(ANN, "Ads", subscribe=False)
    await engine.run()

    assert engine.didomi.holds(ANN, MARKETING) is NO


def test_side_of_a_stop_is_where_the_name_has_vanished() -> None:
    """What rests, and why, can be told apart by side."""
    stops = LineStops()
    looks(stops, *[({"Newsletter"}, {"marketing"})] * 2)

    assert stops.of(MAPPING)["Ads"].side is Side.ACTITO
    assert stops.count("brand-a") == 1
