"""What is worth an alert, and what is not."""

from typing import Any

import pytest

from consent_sync.domain.alerts import Trouble
from consent_sync.domain.identity import Side
from consent_sync.domain.mapping import SyncMode
from consent_sync.domain.moments import HOUR, MINUTE, Micros
from consent_sync.ports.store import SideStatus, StoreStatus
from consent_sync.services.alert_conditions import AlertLimits, Facts, conditions_within
from tests.doubles.mappings import a_line, a_mapping

NOW = 1_795_089_600_000_000
WELL = StoreStatus({}, 0, 0, None, None, 0, 0, 0)


def found(name: str, limits: AlertLimits | None = None, **facts: Any) -> object:
    values: dict[str, Any] = {"now": NOW, "since": NOW - 48 * HOUR, "status": WELL, **facts}
    troubles = conditions_within(limits or AlertLimits())[name](Facts(**values))
    return None if troubles is None else list(troubles)


def spoke(didomi: Micros | None, actito: Micros | None) -> StoreStatus:
    sides = {Side.DIDOMI: SideStatus(didomi, 1, 0), Side.ACTITO: SideStatus(actito, 1, 0)}
    return StoreStatus(sides, 0, 0, None, None, 0, 0, 0)


def waits(since: Micros | None) -> StoreStatus:
    return StoreStatus({}, 1, 0, since, since, 0, 0, 0)


@pytest.mark.parametrize(
    ("since", "words"),
    [
        (NOW - 10 * MINUTE, None),
        (NOW - 10 * MINUTE - 1, "an opt-out is not on both sides after 10 minutes"),
        (NOW - 5 * HOUR, "an opt-out is not on both sides after 5 hours"),
        (None, None),
    ],
)
def test_a_waiting_optout(since: Micros | None, words: str | None) -> None:
    """It is an alert once it waits longer than the limit."""
    assert found("optout_waiting", status=waits(since)) == ([Trouble("", words)] if words else [])


def test_a_short_limit_is_told_in_seconds() -> None:
    """The words fit the size."""
    limits = AlertLimits(optout=5_000_000)

    assert found("optout_waiting", limits, status=waits(NOW - 7_000_000)) == [
        Trouble("", "an opt-out is not on both sides after 7 seconds")
    ]


def test_limits_can_be_switched_off() -> None:
    """Zero means never."""
    never = AlertLimits(silent=0, optout=0)

    assert found("optout_waiting", never, status=waits(0)) == []
    assert found("side_silent", never, mappings=[a_mapping()], status=spoke(0, 0)) == []


def test_a_silent_side() -> None:
    """Each side is looked at by itself."""
    status = spoke(NOW - 25 * HOUR, NOW - 23 * HOUR)

    assert found("side_silent", mappings=[a_mapping()], status=status) == [
        Trouble("didomi", "nothing has come from this side for 25 hours")
    ]


def test_a_side_that_never_spoke_is_silent_since_the_first_look() -> None:
    """A webhook that was never switched on is found like one that was switched off."""
    young = found("side_silent", mappings=[a_mapping()], since=NOW - HOUR)
    old = found("side_silent", mappings=[a_mapping()], since=NOW - 30 * HOUR)

    assert young == []
    assert isinstance(old, list)
    assert [one.about for one in old] == ["actito", "didomi"]


@pytest.mark.parametrize(
    ("sync", "back", "sides"),
    [
        (SyncMode.TO_ACTITO, True, ["didomi"]),
        (SyncMode.TO_DIDOMI, True, ["actito"]),
        (SyncMode.TWO_WAY, False, ["didomi"]),
        (SyncMode.TWO_WAY_STRICT, True, ["actito", "didomi"]),
        (SyncMode.OFF, True, []),
    ],
)
def test_only_a_side_that_has_something_to_say_can_be_silent(
    sync: SyncMode, back: bool, sides: list[str]
) -> None:
    """A line that flows one way expects nothing from the other side."""
    mapping = a_mapping(a_line(sync=sync), enable_webhooks=back)
    silent = found("side_silent", mappings=[mapping])

    assert isinstance(silent, list)
    assert [one.about for one in silent] == sides


def test_dead_letters() -> None:
    """One is enough."""
    status = StoreStatus({}, 0, 0, None, None, 0, 3, 0)

    assert found("dead_letters") == []
    assert found("dead_letters", status=status) == [Trouble("", "3 dead letters wait for a person")]


def test_drift() -> None:
    """What the last whole sweep found; before the first nobody can tell."""
    assert found("drift_found") is None
    assert found("drift_found", differing=0) == []
    assert found("drift_found", differing=2) == [
        Trouble("", "the last whole sweep found 2 people who differ")
    ]


def test_wrong_files() -> None:
    """Each file has an alert of its own."""
    assert found("mapping_invalid") == []
    assert found("mapping_invalid", problems={"b.yaml": 1, "a.yaml": 2}) == [
        Trouble("a.yaml", "2 problems; the file is not in force as it stands"),
        Trouble("b.yaml", "1 problem; the file is not in force as it stands"),
    ]


@pytest.mark.parametrize("name", ["optout_waiting", "side_silent", "dead_letters"])
def test_without_the_store_nobody_can_tell(name: str) -> None:
    """What only the database knows stays as it was judged last."""
    assert found(name, status=None) is None
