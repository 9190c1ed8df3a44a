"""The story of the demo, step by step; each step waits for its outcome and names what did not hold."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from consent_sync.cli.demo.stage import KEY, LINES, MAPPING, Stage
from consent_sync.cli.demo.telling import Telling
from consent_sync.simulators.faults import Fault

ADA: Final = "ada@example.com"
BEN: Final = "ben@example.com"
CLEO: Final = "cleo@example.com"
PEOPLE: Final = (ADA, BEN, CLEO)

NOTE: Final = "internalNote"
"""A key of the metadata that the mapping file does not let through."""


async def tell(stage: Stage, telling: Telling) -> None:
    """Play every step; raise NotHeldError at the first that does not come out as told."""
    await _agrees(stage, telling)
    await _changes_her_mind(stage, telling)
    await _metadata(stage, telling)
    await _unknown_person(stage, telling)
    await _upsert(stage, telling)
    await _unsubscribes(stage, telling)
    await _late_yes(stage, telling)
    await _outage(stage, telling)


def seed(stage: Stage) -> None:
    """Put two people into Actito; Cleo is in neither system."""
    world = stage.actito.world
    world.seed({KEY: ADA, "emailAddress": ADA, "firstName": "Ada"})
    world.seed({KEY: BEN, "emailAddress": BEN, "firstName": "Ben"}, {"Newsletter": True})


async def _agrees(stage: Stage, telling: Telling) -> None:
    telling.step("Ada agrees in the preference centre")
    telling.did("In Didomi she says yes to e-mail and picks the topics sport and culture.")
    stage.didomi.click(
        ADA,
        {"channels": {"email": True}, "values": {"marketing": {"topics": ["sport", "culture"]}}},
    )
    await telling.holds(
        "Actito: she is subscribed to Newsletter and SportNews.",
        lambda: (
            stage.in_actito(ADA, "Newsletter") is True and stage.in_actito(ADA, "SportNews") is True
        ),
    )


async def _changes_her_mind(stage: Stage, telling: Telling) -> None:
    telling.step("Ada takes one topic back")
    telling.did("In Didomi she drops sport and keeps culture.")
    stage.didomi.click(ADA, {"values": {"marketing": {"topics": ["culture"]}}})
    await telling.holds(
        "Actito: SportNews is off, and Newsletter is as it was.",
        lambda: (
            stage.in_actito(ADA, "SportNews") is False
            and stage.in_actito(ADA, "Newsletter") is True
        ),
    )


async def _metadata(stage: Stage, telling: Telling) -> None:
    telling.step("What Didomi knows about Ada arrives in her profile")
    telling.did("She agrees to daily deals; her Didomi user now has tier=gold, brand=acme-shoes")
    telling.did(f"and {NOTE}=..., which the mapping file does not let through.")
    stage.didomi.click(
        ADA,
        {"purposes": {"marketing": True}},
        user_metadata={"tier": "gold", "brand": "acme-shoes", NOTE: "calls every week"},
    )
    await telling.holds(
        "Actito: loyaltyTier is gold (the mapping file renames it), brand is acme-shoes.",
        lambda: (
            stage.attribute(ADA, "loyaltyTier") == "gold"
            and stage.attribute(ADA, "brand") == "acme-shoes"
        ),
    )
    await telling.holds(
        f"Actito: she is subscribed to DailyDeals, and {NOTE} was not passed on.",
        lambda: stage.in_actito(ADA, "DailyDeals") is True and stage.attribute(ADA, NOTE) is None,
    )


async def _unknown_person(stage: Stage, telling: Telling) -> None:
    telling.step("Cleo agrees, but Actito does not know her")
    telling.did("In Didomi she says yes to e-mail. The mapping file says upsert_mode: false.")
    stage.didomi.click(CLEO, {"channels": {"email": True}})
    await telling.holds(
        "Nothing is created; her timeline says why: no_profile.",
        lambda: _has(stage, CLEO, verdict="no_profile"),
    )
    await telling.holds("Actito: still no profile.", lambda: not stage.has_profile(CLEO))


async def _upsert(stage: Stage, telling: Telling) -> None:
    telling.step("The mapping file is changed to upsert_mode: true")
    before = await _version(stage)
    text = stage.mapping_file.read_text(encoding="utf-8")
    changed = text.replace("upsert_mode: false", "upsert_mode: true ", 1)
    stage.mapping_file.write_text(changed, encoding="utf-8")
    telling.did("Somebody edits the file and saves it; the service keeps running.")

    async def reloaded() -> bool:
        return await _version(stage) != before

    await telling.holds("The new version of the mapping is in force.", reloaded)
    entries = await stage.service.timeline(CLEO)
    number = next(entry["event"] for entry in entries if entry["kind"] == "received")
    telling.did(f"An operator takes Cleo's stored event {number} once more.")
    await stage.service.replay(number)
    await telling.holds(
        "Actito: Cleo has a profile, subscribed to Newsletter and to nothing else.",
        lambda: [stage.in_actito(CLEO, line) for line in LINES] == [True, None, None, None],
    )


async def _unsubscribes(stage: Stage, telling: Telling) -> None:
    telling.step("Ada unsubscribes from the newsletter, in Actito")
    telling.did("She clicks the link at the end of a mail.")
    stage.actito.people.unsubscribe(f"{KEY}={ADA}", "Newsletter")
    await telling.holds(
        "Didomi: e-mail is no, and her other choices are as they were.",
        lambda: (
            stage.in_didomi(ADA, "Newsletter") is False
            and stage.in_didomi(ADA, "DailyDeals") is True
        ),
    )


async def _late_yes(stage: Stage, telling: Telling) -> None:
    telling.step("An old yes arrives late")
    telling.did("Ada's old phone was offline. Only now Didomi delivers a yes to e-mail that she")
    telling.did("gave on it a week ago.")
    last_week = stage.didomi.world.now() - timedelta(days=7)
    stage.didomi.click(ADA, {"channels": {"email": True}}, at=last_week)
    await telling.holds(
        "Her timeline says: older. It changes nothing.",
        lambda: _has(stage, ADA, kind="received", side="didomi", verdict="older"),
    )
    await telling.holds(
        "Newsletter is still no on both sides, and was never on in between.",
        lambda: (
            stage.both(ADA, "Newsletter") == (False, False)
            and stage.history(ADA, "Newsletter") == [True, False]
        ),
    )


async def _outage(stage: Stage, telling: Telling) -> None:
    telling.step("Actito is down, and Ben opts out meanwhile")
    stage.actito.faults.add(Fault(count=None, html=True))
    telling.did("Every call to Actito is answered 503. In Didomi Ben says no to e-mail.")
    stage.didomi.click(BEN, {"channels": {"email": False}})

    async def waits() -> bool:
        status = await stage.service.status()
        return status["oldest_waiting_optout_age_seconds"] is not None

    await telling.holds("The opt-out is stored and waits; the status shows it.", waits)
    telling.did("Actito comes back.")
    stage.actito.faults.clear()
    await telling.holds(
        "Actito: he is no longer subscribed to Newsletter.",
        lambda: stage.both(BEN, "Newsletter") == (False, False),
    )

    async def settled() -> bool:
        status = await stage.service.status()
        return not status["waiting_turns"] and status["oldest_waiting_optout_age_seconds"] is None

    await telling.holds("Nothing waits any more.", settled)


async def agree(stage: Stage, telling: Telling) -> None:
    """Check that both sides hold the same of everybody; raise NotHeldError naming where not."""
    telling.step("Both sides are compared")
    for ouid in PEOPLE:
        lines = [line for line in LINES if stage.both(ouid, line) != (None, None)]

        def same(ouid: str = ouid, lines: Sequence[str] = lines) -> bool:
            return all(stage.in_didomi(ouid, one) is stage.in_actito(ouid, one) for one in lines)

        await telling.holds(f"{ouid}: the same on both sides: {', '.join(lines)}.", same)


async def _has(stage: Stage, ouid: str, **wanted: str) -> bool:
    """Say whether a person's timeline has an entry like this."""
    entries = await stage.service.timeline(ouid)
    return any(all(entry[name] == word for name, word in wanted.items()) for entry in entries)


async def _version(stage: Stage) -> str:
    person: dict[str, Any] = await stage.service.person(CLEO)
    found = {one["mapping"]: str(one["mapping_version"]) for one in person["mappings"]}
    return found.get(MAPPING, "")
