"""Alerts are states: raised once, cleared once, told to whoever does not know yet."""

from consent_sync.domain.alerts import FORGET_AFTER, Alert, AlertBook, Trouble

NOW = 1_000_000
EMPTY = AlertBook("series", NOW)
SILENT = {"side_silent": [Trouble("didomi", "nothing for 25 hours")]}


def test_what_is_wrong_is_raised_once() -> None:
    """The first look raises it; as long as it stays wrong nothing changes, not even its words."""
    book = EMPTY.judged(SILENT, NOW)
    later = book.judged({"side_silent": [Trouble("didomi", "nothing for 26 hours")]}, NOW + 1)

    assert book.alerts == (Alert("side_silent", "didomi", 1, NOW, "nothing for 25 hours"),)
    assert later == book
    assert book.changes_since(EMPTY) == [*book.alerts]


def test_what_is_over_is_cleared_once() -> None:
    """It keeps its words, so that whoever is told knows what is over."""
    raised = EMPTY.judged(SILENT, NOW)
    cleared = raised.judged({"side_silent": []}, NOW + 1)

    assert cleared.alerts == (Alert("side_silent", "didomi", 2, NOW + 1, "nothing for 25 hours"),)
    assert cleared.judged({"side_silent": []}, NOW + 2) == cleared
    assert cleared.judged(SILENT, NOW + 3).alerts[0].raised


def test_a_look_that_cannot_tell_changes_nothing() -> None:
    """After a start not everything is known at once; nothing is cleared for that."""
    raised = EMPTY.judged(SILENT, NOW)

    assert raised.judged({"side_silent": None}, NOW + 1) == raised
    assert raised.judged({}, NOW + 1) == raised


def test_each_thing_has_an_alert_of_its_own() -> None:
    """One side may come back while the other stays silent."""
    both = {"side_silent": [Trouble("didomi", "a"), Trouble("actito", "b")]}
    book = EMPTY.judged(both, NOW).judged(SILENT, NOW + 1)

    assert [(one.about, one.raised) for one in book.alerts] == [("actito", False), ("didomi", True)]


def test_whoever_does_not_know_is_told() -> None:
    """A new receiver hears what is raised now, and nothing of what is over."""
    raised = Alert("side_silent", "didomi", 1, NOW, "a")
    told = raised.told_to("old")
    cleared = told.changed(NOW + 1)

    assert raised.news_for("old")
    assert not told.news_for("old")
    assert told.news_for("new")
    assert cleared.news_for("old")
    assert not cleared.news_for("new")
    assert not cleared.told_to("old").news_for("old")


def test_what_came_and_went_unheard_is_not_told() -> None:
    """A receiver that was away learns how things stand, not every change in between."""
    heard_it_end = Alert("side_silent", "didomi", 2, NOW, "a").told_to("away")

    assert not heard_it_end.changed(NOW).changed(NOW).news_for("away")
    assert heard_it_end.changed(NOW).news_for("away")


def test_old_cleared_alerts_are_forgotten() -> None:
    """The book stays small; what is raised stays in it however old it is."""
    old = EMPTY.judged(SILENT, NOW).judged({"side_silent": []}, NOW + 1)

    assert old.judged({}, NOW + FORGET_AFTER).alerts
    assert not old.judged({}, NOW + 1 + FORGET_AFTER).alerts
    assert EMPTY.judged(SILENT, NOW).judged({}, NOW + 2 * FORGET_AFTER).alerts
