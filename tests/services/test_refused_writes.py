"""Writes that a platform refuses for good: only what is really refused fails, and it says why."""

from collections.abc import Sequence

import pytest

from consent_sync.domain.consent import Choice, Node
from consent_sync.domain.errors import PermanentError, TemporaryError
from consent_sync.domain.events import ProfileMissing, ProfileReading
from consent_sync.domain.identity import Side
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.profile import ProfileChange, TableAttribute, TableStructure
from consent_sync.domain.verdicts import Kind, Verdict
from consent_sync.ports.platforms import ConsentDraft
from tests.doubles.clock import SettableClock
from tests.doubles.engine import Engine
from tests.doubles.mappings import EMAIL, MARKETING, a_line, a_mapping
from tests.doubles.platforms import ActitoWorld, DidomiWorld, Profile

ANN = "ann@example.com"
YES, NO = Choice.GRANTED, Choice.DENIED
TWO_LINES = (a_line("Newsletter", EMAIL), a_line("DailyDeals", MARKETING))


class PickyDidomi(DidomiWorld):
    """Refuses every call with an event that names a certain node."""

    def __init__(self, clock: SettableClock, bad: Node) -> None:
        super().__init__(clock)
        self.bad: Node | None = bad

    async def send_events(self, mapping: Mapping, drafts: Sequence[ConsentDraft]) -> None:
        if any(self.bad in draft.nodes for draft in drafts):
            self.calls.append("refused")
            raise PermanentError("bad request", status=400, answer="unknown purpose")
        await super().send_events(mapping, drafts)


class PickyActito(ActitoWorld):
    """Refuses what the flags say."""

    refuses_attributes = False
    refuses_creation = False
    hides_structure = False
    comes_meanwhile = False
    refuses_looks = False

    async def read_by_key(self, mapping: Mapping, key: str) -> ProfileReading | ProfileMissing:
        if self.refuses_looks:
            raise PermanentError("bad request", status=400, answer="the key is not unique")
        return await super().read_by_key(mapping, key)

    async def update(
        self, mapping: Mapping, key: str, change: ProfileChange, *, after_look: bool
    ) -> str:
        if self.refuses_attributes and change.attributes:
            raise PermanentError("bad request", status=400, answer="tier is not acceptable")
        return await super().update(mapping, key, change, after_look=after_look)

    async def create(self, mapping: Mapping, key: str, change: ProfileChange) -> str:
        if self.comes_meanwhile:
            self.profiles[key] = Profile("1042")
        if self.refuses_creation:
            raise PermanentError("bad request", status=400, answer="not acceptable")
        return await super().create(mapping, key, change)

    async def structure(self, mapping: Mapping) -> TableStructure:
        if self.hides_structure:
            raise TemporaryError("not now")
        return await super().structure(mapping)


def an_engine(mapping: Mapping) -> tuple[Engine, PickyActito]:
    engine = Engine(mapping)
    actito = PickyActito(engine.clock)
    engine.actito = actito
    return engine, actito


# --- Didomi --------------------------------------------------------------------------------------


@pytest.fixture
def engine() -> Engine:
    """Ann agreed to both lines, and Didomi does not know the purpose of one of them any more."""
    didomi = PickyDidomi(SettableClock(), MARKETING)
    engine = Engine(a_mapping(*TWO_LINES), didomi=didomi)
    engine.actito.profiles[ANN] = Profile("1042", {"Newsletter": True, "DailyDeals": True})
    engine.didomi.click(ANN, {EMAIL: YES, MARKETING: YES})
    return engine


async def refuse_both_in_actito(engine: Engine) -> None:
    await engine.run()
    engine.clock.advance(7200)
    for name in ("Newsletter", "DailyDeals"):
        engine.actito.click(ANN, name, subscribe=False)
    await engine.run()


async def test_one_bad_node_does_not_stop_the_other_refusal(engine: Engine) -> None:
    """The event is taken apart until only the bad line has failed."""
    await refuse_both_in_actito(engine)

    assert engine.didomi.holds(ANN, EMAIL) is NO
    assert engine.line(ANN, "Newsletter").failed == {}
    assert "unknown purpose" in engine.line(ANN, "DailyDeals").failed[Side.DIDOMI]


async def test_a_refusal_that_didomi_will_not_take_stays_visible(engine: Engine) -> None:
    """It counts as failed and as a waiting opt-out, and is not sent again and again."""
    await refuse_both_in_actito(engine)
    calls = engine.didomi.calls.count("refused")
    engine.clock.advance(60)
    engine.actito.click(ANN, "Other", subscribe=True)
    await engine.run()
    summary = engine.lane(ANN).settlements[-1].summary

    assert engine.didomi.calls.count("refused") == calls
    assert summary.failed == 1
    assert summary.optout_waiting_since is not None


# --- Actito --------------------------------------------------------------------------------------


async def test_a_refused_attribute_does_not_stop_the_choice() -> None:
    """The choice is written without it, the attribute is named, and it is not tried again."""
    engine, actito = an_engine(a_mapping())
    actito.refuses_attributes = True
    actito.profiles[ANN] = Profile("1042")
    engine.didomi.click(ANN, {EMAIL: YES}, metadata={"brand": "north"})
    await engine.run()
    reasons = [entry.reason for entry in engine.entries(ANN)]
    calls = len(actito.calls)
    actito.touch(ANN)
    await engine.run()

    assert actito.profiles[ANN].subscriptions == {"Newsletter": True}
    assert "attribute brand was left out: Actito refused the write that held it" in reasons
    assert actito.calls[calls:] == ["read"]


async def test_a_profile_that_somebody_creates_meanwhile_is_changed_instead() -> None:
    """Between the look and our creation it came to be: looked at again, then written."""
    engine, actito = an_engine(a_mapping(upsert_mode=True))
    actito.comes_meanwhile = True
    engine.didomi.click(ANN, {EMAIL: YES})

    await engine.run()

    assert actito.profiles[ANN].subscriptions == {"Newsletter": True}
    assert engine.line(ANN, "Newsletter").failed == {}


async def test_a_creation_that_is_refused_for_good_fails_with_its_reason() -> None:
    """Nobody waits for a profile that the table will not have."""
    engine, actito = an_engine(a_mapping(upsert_mode=True))
    actito.refuses_creation = True
    engine.didomi.click(ANN, {EMAIL: NO})
    await engine.run()
    failed = [entry for entry in engine.entries(ANN) if entry.kind is Kind.FAILED]

    assert ANN not in actito.profiles
    assert [entry.verdict for entry in failed] == [Verdict.FAILED]
    assert "not acceptable" in failed[0].reason


async def test_attributes_wait_for_the_table_and_hold_no_choice_up() -> None:
    """Without the structure nobody can type them; it is asked for once, and in the next turn again."""
    engine, actito = an_engine(a_mapping())
    actito.profiles[ANN] = Profile("1042")
    actito.hides_structure, actito.echoes = True, False
    engine.didomi.click(ANN, {EMAIL: NO}, metadata={"brand": "north"})
    await engine.run()
    first = dict(actito.profiles[ANN].attributes)
    actito.hides_structure = False
    actito.touch(ANN)
    await engine.run()

    assert actito.profiles[ANN].subscriptions == {"Newsletter": False}
    assert (first, actito.profiles[ANN].attributes) == ({}, {"brand": "north"})
    assert engine.observer.troubles == ["structure: not now"]


async def test_nobody_is_created_before_the_table_is_known() -> None:
    """A profile without its mandatory attributes would be refused, so the choice waits."""
    engine, actito = an_engine(a_mapping(upsert_mode=True))
    actito.hides_structure = True
    engine.didomi.click(ANN, {EMAIL: YES})
    engine.deliver_all()
    settled = await engine.take(ANN)
    actito.hides_structure = False
    await engine.run()

    assert settled is not None
    assert settled.attempts == 1
    assert actito.profiles[ANN].subscriptions == {"Newsletter": True}


async def test_a_look_that_is_refused_for_good_is_tried_again() -> None:
    """Somebody may mend the key attribute of the file; the agreement waits, and nothing is raised."""
    engine, actito = an_engine(a_mapping())
    actito.profiles[ANN] = Profile("1042")
    actito.refuses_looks = True
    engine.didomi.click(ANN, {EMAIL: YES})
    engine.deliver_all()
    settled = await engine.take(ANN)
    waits = engine.entries(ANN)[-1].verdict
    actito.refuses_looks = False
    await engine.run()

    assert settled is not None
    assert (settled.attempts, waits) == (1, Verdict.WAITING_RETRY)
    assert actito.profiles[ANN].subscriptions == {"Newsletter": True}


async def test_a_profile_that_lacks_a_mandatory_attribute_is_not_tried() -> None:
    """The table would refuse it; the line says which attribute nobody has told."""
    engine, actito = an_engine(a_mapping(upsert_mode=True))
    attributes = {
        "customerId": TableAttribute("customerId", mandatory=True),
        "lastName": TableAttribute("lastName", mandatory=True),
    }
    actito.table = TableStructure("21", "Customers", attributes)
    engine.didomi.click(ANN, {EMAIL: YES})
    await engine.run()
    last = engine.entries(ANN)[-1]

    assert "create" not in actito.calls
    assert last.verdict is Verdict.NO_PROFILE
    assert "the table needs lastName, which nobody has told us" in last.reason
