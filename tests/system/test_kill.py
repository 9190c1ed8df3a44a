"""Killed at any point under load, it loses nothing and reverses nothing."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import aiohttp
import orjson
import pytest

from consent_sync.domain.ledger import ItemsTaken
from tests.system.harness import Person, Town, didomi_event, moment, town, until

CROWD = 24
KILLS = 5
FEW = 4
"""How many agreements may end up waiting for a person's word, after a crash at first contact."""

LASTING = {"webhook_retry_delay_ms": 30, "webhook_duplicate_chance": 0.1}


@dataclass
class Crowd:
    """People who click without end, and the newest choice of each on each line."""

    place: Town
    rng: random.Random
    didomi_line: str
    actito_line: str
    mixed: bool
    """Whether everybody clicks on both platforms, each on a line of its own."""
    newest: dict[tuple[Person, str], bool | None] = field(default_factory=dict)
    posted: list[bytes] = field(default_factory=list)
    """Bodies that were answered with 200."""

    def populate(self) -> None:
        for number in range(CROWD):
            person = self.place.person(f"person_{number}")
            self.newest.update(
                {(person, line): None for line in (self.didomi_line, self.actito_line)}
            )

    async def click(self) -> None:
        """Click on both platforms until cancelled; nobody clicks one line on both sides."""
        people = list(dict.fromkeys(person for person, _ in self.newest))
        while True:
            person, on = self.rng.choice(people), self.rng.random() < 0.5
            here = self.rng.random() < 0.5 if self.mixed else person.profile % 2 == 0
            if here:
                choice = {"channels": {"email": on}}
                if self.didomi_line == "DailyDeals":
                    choice = {"purposes": {"marketing": on}}
                self.place.didomi.click(person.ouid, choice)
                self.newest[person, self.didomi_line] = on
            else:
                self.place.actito.people.choose(person.profile, {self.actito_line: on})
                self.newest[person, self.actito_line] = on
            await asyncio.sleep(0.004)

    async def post(self) -> None:
        """Post events until cancelled, each again and again until it is answered with 200."""
        profiles = {
            n: Person(f"direct_{n}@example.com", self.place.profile(f"direct_{n}@example.com"))
            for n in range(8)
        }
        self.place.people.update({person.ouid: person for person in profiles.values()})
        for number in range(100_000):
            person, on = profiles[number % 8], self.rng.random() < 0.5
            said = didomi_event(
                person.ouid, f"direct-{id(self)}-{number}", moment(), PartnerMail=on
            )
            await asyncio.shield(self._post(orjson.dumps(said), person, on))

    async def _post(self, body: bytes, person: Person, on: bool) -> None:
        self.newest[person, "PartnerMail"] = on
        while True:
            with suppress(aiohttp.ClientError):
                reply = await self.place.didomi_says(body)
                if reply.status == 200:
                    self.posted.append(body)
                    return
            await asyncio.sleep(0.02)

    def wrong(self) -> list[tuple[Person, str, bool | None, tuple[bool | None, bool | None]]]:
        """Return who does not hold their newest choice on both sides."""
        found = []
        for (person, line), on in self.newest.items():
            held = self.place.both(person, line)
            # Posted events are of people whom the simulated Didomi does not know.
            if held[1] is not on or (line != "PartnerMail" and held[0] is not on):
                found.append((person, line, on, held))
        return found


@asynccontextmanager
async def load(crowd: Crowd) -> AsyncIterator[None]:
    """Let everybody click meanwhile."""
    tasks = [asyncio.create_task(crowd.click()), asyncio.create_task(crowd.post())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def explained(place: Town, person: Person, line: str) -> bool:
    """Say whether an agreement that does not hold on both sides waits for a person's word.

    Where nobody can tell any more what came first, uncertainty may lower consent, visibly.
    """
    view = await place.view(person, line)
    verdicts = await place.verdicts(person, line)
    return view["held"] == "held_review" or verdicts[:1] == ["conflict_strictest"]


def progress(place: Town) -> int:
    return (
        len(place.actito.calls)
        + len(place.didomi.calls)
        + place.actito.sender.tally.attempts
        + place.didomi.sender.attempted
    )


def reached(place: Town, target: int) -> bool:
    return progress(place) >= target


async def rest(place: Town) -> None:
    """Wait until every webhook was delivered, those that Didomi had stored too, and all is done."""
    await until("all is delivered", lambda: _delivered(place), 30)
    await place.quiet(30)


def _delivered(place: Town) -> bool:
    return not place.didomi.sender.replay_stored() and not place.didomi.sender.waiting


@pytest.mark.parametrize(
    ("seed", "mixed", "fan_out"), [(1, False, "event_then_user"), (2, True, "event_only")]
)
async def test_killed_again_and_again_under_load(
    tmp_path: Path, seed: int, mixed: bool, fan_out: str
) -> None:
    """Both directions under load, killed at random points: at the end everybody's newest choice holds.

    No refusal is ever lost. Every event that was answered with 200 is in the ledger, and a new
    start writes nothing.
    """
    rng = random.Random(seed)
    didomi = {"time_scale": 0.01, "webhook_fan_out": fan_out}
    tolerant = {"CLOCK_TOLERANCE_SECONDS": "2"}
    async with town(tmp_path, actito=LASTING, didomi=didomi, variables=tolerant) as place:
        crowd = Crowd(place, rng, "Newsletter", "DailyDeals", mixed)
        crowd.populate()
        async with load(crowd):
            for _ in range(KILLS):
                target = progress(place) + rng.randint(5, 300)
                await until("some work is done", partial(reached, place, target))
                await asyncio.sleep(rng.random() * 0.005)
                await place.service.kill()
                await place.service.start()
        await rest(place)

        wrong = crowd.wrong()
        assert [(person.ouid, line) for person, line, on, _ in wrong if not on] == []
        assert len(wrong) <= FEW
        assert [one[:2] for one in wrong if not await explained(place, one[0], one[1])] == []

        place.forget()
        assert await place.service.stop() == 0
        missing = await missing_in_ledger(place, crowd.posted)
        await place.service.start()
        await place.quiet()

        assert missing == []
        assert not place.calls()
        assert place.leaks(place.service.output()) == []


async def missing_in_ledger(place: Town, bodies: list[bytes]) -> list[bytes]:
    """Return the bodies that were accepted and that no ledger record names."""
    async with place.service.store() as store:
        events = await store.events(refused=False, before=None, limit=1_000_000)
        records = [record for _, _, record in await store.recent(after=0, limit=1_000_000)]
    named = {entry.event for record in records for entry in record.entries}
    taken = {
        number
        for record in records
        for fact in record.facts
        if isinstance(fact, ItemsTaken)
        for number in fact.events
    }
    recorded = {event.body for event in events if event.id in named | taken}
    assert not any(event.waiting for event in events)
    return [body for body in bodies if body not in recorded]
