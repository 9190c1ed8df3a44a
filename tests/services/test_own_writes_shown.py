"""Our own writes, shown to us again by webhooks about something else: they are nobody's choice."""

from consent_sync.domain.consent import Choice
from consent_sync.domain.events import UserMissing, UserReading
from consent_sync.domain.identity import Side
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.verdicts import Verdict
from tests.doubles.clock import SettableClock
from tests.doubles.engine import Engine
from tests.doubles.mappings import EMAIL, MARKETING, a_line, a_mapping
from tests.doubles.platforms import DidomiWorld, Profile

ANN = "ann@example.com"
YES, NO = Choice.GRANTED, Choice.DENIED


class ClickAfterLook(DidomiWorld):
    """Didomi, where Ann clicks on another line just after we looked and before we write."""

    clicks = False

    async def read_user(
        self, mapping: Mapping, ouid: str, regulation: str
    ) -> UserReading | UserMissing:
        seen = await super().read_user(mapping, ouid, regulation)
        if self.clicks:
            self.clicks = False
            self.clock.advance(0.01)
            self.click(ANN, {EMAIL: NO})
            self.clock.advance(0.01)
        return seen


async def test_our_own_yes_shown_by_a_user_webhook_raises_nothing() -> None:
    """Nobody ever agreed in Didomi, so what users show there is never an agreement of theirs."""
    engine = Engine(
        a_mapping(a_line(), a_line("DailyDeals", MARKETING)),
        didomi=ClickAfterLook(SettableClock()),
    )
    didomi = engine.didomi
    assert isinstance(didomi, ClickAfterLook)
    didomi.fanout, didomi.echoes = ("event", "user"), False
    engine.actito.profiles[ANN] = Profile("1042")
    didomi.click(ANN, {EMAIL: YES})
    await engine.run()
    engine.clock.advance(600)
    engine.actito.click(ANN, "DailyDeals", subscribe=False)
    await engine.run()
    engine.clock.advance(600)
    engine.actito.click(ANN, "DailyDeals", subscribe=True)
    didomi.clicks = True
    await engine.run()
    engine.clock.advance(60)
    didomi.click(ANN, {EMAIL: YES})

    await engine.run()

    said = engine.lane(ANN).state.lines["DailyDeals"].latest.get(Side.DIDOMI)
    assert said is None or said.choice is not YES
    assert [one.value for one in engine.actito.written if one.place == "DailyDeals"] in (
        [],
        [False],
    )


async def test_an_agreement_that_only_our_own_refusal_speaks_against_is_told() -> None:
    """She came back in Didomi, and two webhooks are lost: it is lowered, and the timeline says why."""
    engine = Engine(a_mapping(a_line(), a_line("DailyDeals", MARKETING, number=15)))
    engine.actito.profiles[ANN] = Profile("1042")
    engine.didomi.click(ANN, {EMAIL: YES})
    await engine.run()
    engine.didomi.echoes = False
    engine.actito.click(ANN, "Newsletter", subscribe=False)
    await engine.run()
    engine.clock.advance(60)
    engine.didomi.click(ANN, {EMAIL: YES})
    engine.didomi.outbox.clear()
    engine.clock.advance(60)
    engine.actito.click(ANN, "DailyDeals", subscribe=True)
    await engine.run()

    told = [one for one in engine.entries(ANN) if one.line == "Newsletter"]
    assert engine.didomi.holds(ANN, EMAIL) is NO
    assert any(
        one.verdict is Verdict.CONFLICT_STRICTEST
        and "nothing has confirmed the refusal that we wrote" in one.reason
        for one in told
    )
