"""What the tests of the rules share: one person, one mapping, one moment, and small builders."""

from collections.abc import Mapping as MappingView
from dataclasses import replace
from typing import Any

from consent_sync.domain.actito_hints import Hint
from consent_sync.domain.consent import (
    Agreed,
    Choice,
    ConsentTree,
    Known,
    Node,
    OwnWrite,
    Statement,
    WriteOutcome,
)
from consent_sync.domain.events import (
    ConsentEvent,
    DidomiItem,
    EventKind,
    Item,
    ProfileHint,
    ProfileReading,
    UserReading,
)
from consent_sync.domain.identity import Names, Side, Subject
from consent_sync.domain.lines import Context
from consent_sync.domain.mapping import Line, Mapping
from consent_sync.domain.moments import SECOND, Micros
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import LineState, PersonState, Presence
from tests.doubles.clock import NOON
from tests.doubles.mappings import a_mapping

ANN = Subject("brand-a", "ann@example.com")
YES, NO, NONE = Choice.GRANTED, Choice.DENIED, Choice.NONE
DIDOMI, ACTITO = Side.DIDOMI, Side.ACTITO


def at(seconds: float) -> Micros:
    """Return a moment that many seconds after noon."""
    return NOON + int(seconds * SECOND)


def a_context(mapping: Mapping | None = None, *, now: float = 0) -> Context:
    """Return Ann's context that many seconds after noon."""
    return Context(ANN, mapping or a_mapping(), Rules(), at(now))


def said(
    side: Side, choice: Choice, made: float, *, until: float | None = None, delay: float = 0
) -> Statement:
    """Return what a side said at a moment, or in the time from one moment until another."""
    end = made if until is None else until
    return Statement(
        id=f"{side}-{made}-{choice}",
        side=side,
        choice=choice,
        not_before=at(made),
        not_after=at(end),
        dated=at(end),
        delay=int(delay * SECOND),
        evidence="event 1",
    )


def holds(choice: Choice, since: float, *knows: Statement, confirmed: bool = True) -> Agreed:
    """Return what a side is known to hold, and what it was told before."""
    told = {one.side: Known(one.id, one.not_after) for one in knows}
    return Agreed(choice, at(since), told, confirmed)


def wrote(
    side: Side,
    choice: Choice,
    sent: float,
    outcome: WriteOutcome = WriteOutcome.SENT,
    *told: Statement,
) -> OwnWrite:
    """Return a write of ours."""
    known = {one.side: Known(one.id, one.not_after) for one in told}
    return OwnWrite(side, choice, at(sent), outcome, "", known)


def a_person(line: Line, known: LineState, **more: Any) -> PersonState:
    """Return a person of whom only this is known about one line."""
    state: dict[str, Any] = {"profile": Presence.PRESENT, "user": Presence.PRESENT, **more}
    return PersonState(lines={line.id: replace(known, shape=line.shape)}, **state)


def an_event(made: float, nodes: MappingView[Node, Choice], **more: Any) -> ConsentEvent:
    """Return a confirmed consent event."""
    values = {"status": "confirmed", "tree": ConsentTree(dict(nodes)), **more}
    return ConsentEvent(f"event-{made}", at(made), **values)


def a_webhook(event: ConsentEvent, **more: Any) -> DidomiItem:
    """Return Didomi's webhook about an event."""
    values = {"kind": EventKind.CONSENT_EVENT, "type": "event.created", **more}
    return DidomiItem(ouid="ann@example.com", **{"regulation": "gdpr", "event": event, **values})


def a_snapshot(updated: float, nodes: MappingView[Node, Choice], **more: Any) -> DidomiItem:
    """Return Didomi's webhook that shows a whole user."""
    return DidomiItem(
        EventKind.CONSENT_USER,
        "user.updated",
        "ann@example.com",
        "gdpr",
        shown=ConsentTree(dict(nodes)),
        updated_at=at(updated),
        **more,
    )


def received(content: DidomiItem | ProfileHint, when: float) -> Item:
    """Return a stored item."""
    return Item(7, at(when), content)


def a_hint(when: float, **subscriptions: bool) -> Hint:
    """Return an Actito webhook about Ann that was received at a moment."""
    content = ProfileHint(Names(actito_key="ann@example.com", profile_id="1042"), subscriptions)
    return Hint(received(content, when), content)


def a_reading(when: float, **subscriptions: bool) -> ProfileReading:
    """Return what Actito held when it was asked at a moment; the answer took a second."""
    names = Names(actito_key="ann@example.com", profile_id="1042")
    return ProfileReading(at(when), at(when + 1), names, subscriptions)


def a_user_reading(
    when: float, nodes: MappingView[Node, Choice], *, dated: float | None = None
) -> UserReading:
    """Return what Didomi held when it was asked at a moment, and since when by its own date."""
    updated = None if dated is None else at(dated)
    return UserReading(at(when), at(when + 1), updated, ConsentTree(dict(nodes)))
