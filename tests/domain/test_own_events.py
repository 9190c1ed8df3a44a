"""How our own Didomi events are known when they come back."""

from consent_sync.domain.consent import ConsentTree
from consent_sync.domain.events import ConsentEvent, Origin
from consent_sync.domain.identity import Subject
from consent_sync.domain.own_events import basis_of, is_own, own_event_id

ANN = Subject("brand-a", "ann")


def an_event(id_: str, origin: Origin | None) -> ConsentEvent:
    return ConsentEvent(id_, 0, "confirmed", ConsentTree(), origin)


def test_an_event_of_ours_is_named_by_its_grounds() -> None:
    """The same grounds give the same id; another person, mapping or ground gives another."""
    basis = basis_of(["Newsletter denied", "event-1"])
    ann = own_event_id(Subject("brand-a", "ann"), basis)

    assert ann == own_event_id(Subject("brand-a", "ann"), basis)
    assert ann != own_event_id(Subject("brand-b", "ann"), basis)
    assert ann != own_event_id(Subject("brand-a", "ben"), basis)
    assert ann != own_event_id(Subject("brand-a", "ann"), basis_of(["Newsletter denied"]))


def test_an_event_of_ours_is_known_for_ever() -> None:
    """Its own mark is enough; no list of what we wrote is needed."""
    event = an_event(own_event_id(ANN, "grounds"), Origin("brand-a", "ann", "grounds", 0, 0))

    assert is_own(event, ANN)
    assert not is_own(event, Subject("brand-b", "ann"))


def test_a_mark_that_somebody_copied_makes_no_event_ours() -> None:
    """The id belongs to the grounds: an event with our mark and another id is a choice."""
    copied = an_event("made-by-hand", Origin("brand-a", "ann", "grounds", 0, 0))

    assert not is_own(copied, ANN)
    assert not is_own(an_event(own_event_id(ANN, "grounds"), None), ANN)
