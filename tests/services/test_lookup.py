"""Looking at one person: the state per mapping and line, and the timeline."""

import orjson

from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.domain.consent import Agreed, Choice, Node, Statement
from consent_sync.domain.identity import Names, Normalise, Side, Subject, unresolved_person
from consent_sync.domain.ledger import LedgerRecord
from consent_sync.domain.mapping import Line
from consent_sync.domain.moments import MINUTE, OPEN, SECOND, Micros
from consent_sync.domain.rules import Rules
from consent_sync.domain.state import LineState, PersonState, Presence
from consent_sync.domain.verdicts import Entry, Kind, Verdict
from consent_sync.ports.store import NewEvent, Settlement
from consent_sync.services.lookup import Lookup
from tests.services.people import NOON, FixedMappings, StandingClock, mapping

ADA = Subject("brand-a", "ada@example.com")


def event(number: int, at: Micros, *subjects: Subject) -> NewEvent:
    return NewEvent(
        source=Side.DIDOMI,
        mapping="",
        type="event.created",
        digest=number.to_bytes(16),
        received_at=at,
        body=b"{}",
        subjects=subjects,
        repeatable=False,
    )


def entry(at: Micros, kind: Kind, verdict: Verdict, line: str = "") -> Entry:
    return Entry(at, kind, verdict, "because", Side.ACTITO, line, 12, Choice.GRANTED, 1)


def known_person() -> PersonState:
    said = Statement("s-1", Side.ACTITO, Choice.GRANTED, OPEN, NOON, NOON, 0, "a webhook")
    newsletter = LineState(
        latest={Side.ACTITO: said},
        agreed={Side.ACTITO: Agreed(Choice.GRANTED, NOON)},
        failed={Side.DIDOMI: "refused (400)"},
        shape=Line("Newsletter", Node(channel="email")).shape,
    )
    return PersonState(
        names=Names("Ada@Example.com", "ada@example.com", "7"),
        profile=Presence.PRESENT,
        lines={"Newsletter": newsletter},
    )


async def settled(
    store: MemoryStore, state: PersonState, *entries: Entry, at: Micros = NOON
) -> None:
    await store.open()
    await store.accept([event(1, NOON, ADA)])
    (turn,) = await store.claim(1)
    record = LedgerRecord(at, "brand-a.yaml", "version-of-brand-a", (), entries)
    done = tuple(item.id for item in turn.items)
    await store.settle(Settlement(ADA, state, record, done))


def looking(store: MemoryStore, normalise: Normalise = Normalise.LOWER) -> Lookup:
    return Lookup(store, FixedMappings(mapping("brand-a", normalise)), Rules())


async def test_both_sides_and_what_is_desired() -> None:
    """A line shows what each side holds, since when, and what both ought to hold."""
    store = MemoryStore(StandingClock())
    await settled(store, known_person())
    person = await looking(store).person("ADA@example.com")
    newsletter, deals = person.mappings[0].lines

    assert person.known
    assert newsletter.actito.choice is Choice.GRANTED
    assert newsletter.actito.as_of == "2026-11-19T12:00:00.000Z"
    assert newsletter.actito.latest is not None
    assert newsletter.actito.latest.not_before is None
    assert newsletter.didomi.choice is Choice.NONE
    assert newsletter.didomi.failed == "refused (400)"
    assert newsletter.desired is Choice.GRANTED
    assert newsletter.as_of == "2026-11-19T12:00:00.000Z"
    assert deals.desired is Choice.NONE


async def test_nobody_is_a_person_without_choices() -> None:
    """Somebody never heard of has no choice on any line, which is not a refusal."""
    store = MemoryStore(StandingClock())
    await store.open()
    person = await looking(store).person("eve@example.com")

    assert not person.known
    assert {line.desired for line in person.mappings[0].lines} == {Choice.NONE}


async def test_hashed_person_is_found_by_the_plain_key() -> None:
    """Where identities are hashed, a person is found by the hash and by the key itself."""
    store = MemoryStore(StandingClock())
    await store.open()
    digest = "b5fc85e55755f9e0d030a14ab4429b6b2944855f4c0a1a0b2d8b9a3ad1a2c2ab"
    subject = Subject("brand-a", digest)
    await store.accept([event(1, NOON, subject)])
    person = await looking(store, Normalise.SHA256).person(digest.upper())

    assert len(person.mappings[0].waiting) == 1


async def test_stand_in_names_are_nobody() -> None:
    """The stand-in key of a profile without a key cannot be asked for from outside."""
    store = MemoryStore(StandingClock())
    await store.open()
    stand_in = unresolved_person("7")
    await store.accept([event(1, NOON, Subject("brand-a", stand_in))])
    person = await looking(store, Normalise.NONE).person(stand_in)

    assert person.mappings[0].waiting == ()


async def test_timeline_is_newest_first_with_what_still_waits() -> None:
    """Entries of all turns and events that wait stand in one list, newest first."""
    store = MemoryStore(StandingClock())
    received = entry(NOON, Kind.RECEIVED, Verdict.APPLIED)
    sent = entry(NOON, Kind.SENT, Verdict.APPLIED, "Newsletter")
    await settled(store, known_person(), received, sent)
    await store.accept([event(2, NOON + MINUTE, ADA)])
    entries = await looking(store).timeline("ada@example.com", 10)

    assert [(one.kind, one.verdict) for one in entries] == [
        (Kind.RECEIVED, None),
        (Kind.SENT, Verdict.APPLIED),
        (Kind.RECEIVED, Verdict.APPLIED),
    ]
    assert entries[0].at == "2026-11-19T12:01:00.000Z"
    assert entries[1].file == "brand-a.yaml"
    assert entries[1].line == "Newsletter"


async def test_deliveries_waiting_under_the_profile_number_are_shown() -> None:
    """What waits under the number of a known person's profile belongs to the person."""
    store = MemoryStore(StandingClock())
    await settled(store, known_person())
    await store.accept([event(3, NOON + SECOND, Subject("brand-a", unresolved_person("7")))])
    entries = await looking(store).timeline("ada@example.com", 10)

    assert len(entries) == 1


async def test_timeline_is_cut_at_the_limit() -> None:
    """No more entries than asked for, and the newest ones."""
    store = MemoryStore(StandingClock())
    entries = [entry(NOON + number, Kind.DECIDED, Verdict.NO_CHANGE) for number in range(5)]
    await settled(store, known_person(), *entries)

    assert len(await looking(store).timeline("ada@example.com", 2)) == 2


async def test_everything_is_plain_data() -> None:
    """What is handed out can be written as JSON as it is."""
    store = MemoryStore(StandingClock())
    await settled(store, known_person(), entry(NOON, Kind.SENT, Verdict.APPLIED))
    person = orjson.loads(orjson.dumps(await looking(store).person("ada@example.com")))

    assert person["mappings"][0]["lines"][0]["actito"]["choice"] == "granted"
