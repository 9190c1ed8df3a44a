"""Versions of mappings in the real process: while it works, while it is killed, after it starts."""

import asyncio
import random
from functools import partial
from pathlib import Path

from tests.system.harness import MAPPING, Town, town, until

NO = {"channels": {"email": False}}
YES = {"channels": {"email": True}}
BROKEN = MAPPING.replace("mappings:", "mapings:")


def edited(number: int) -> str:
    """Return a mapping that differs from all others, and never in what it does to a newsletter."""
    return MAPPING + f"  - id: Extra{number}\n    value: {{purpose: extra-{number}}}\n"


def changed_again(place: Town, seen: int) -> bool:
    return len(place.service.events("mapping_changed")) > seen


async def in_force(place: Town) -> list[str]:
    mappings = (await place.status())["mappings"]
    return [one["version"] for one in mappings["in_force"]]


async def test_every_decision_names_a_version_that_is_kept(tmp_path: Path) -> None:
    """Killed at any moment around an edit, no turn was decided by a version that nobody has."""
    rng = random.Random(7)
    async with town(tmp_path) as place:
        file = place.service.mappings / "brand-a.yaml"
        fay = place.person("fay", Newsletter=True)
        for number in range(6):
            place.didomi.click(fay.ouid, NO if number % 2 else YES)
            file.write_text(edited(number))
            await asyncio.sleep(rng.uniform(0, 1.2))
            place.didomi.click(fay.ouid, YES if number % 2 else NO)
            await place.service.kill()
            await place.service.start()
        await place.quiet()
        await place.service.stop()

        async with place.service.store() as store:
            records = [record for _, _, record in await store.recent(after=0, limit=10_000)]
            named = {record.mapping_version for record in records}
            kept = {name: await store.version("brand-a", name) for name in named}
            assert len(named) > 1
            assert [name for name, one in kept.items() if one is None] == []
            assert {record.mapping_file for record in records} == {"brand-a.yaml"}
            for record in records:
                version = kept[record.mapping_version]
                assert version is not None
                assert version.at <= record.at


async def test_a_bad_file_at_the_start_leaves_the_last_good_version(tmp_path: Path) -> None:
    """After a restart over a broken file people's choices still travel, and everybody is told."""
    async with town(tmp_path) as place:
        gus = place.person("gus", Newsletter=True)
        before = await in_force(place)
        await place.service.stop()
        (place.service.mappings / "brand-a.yaml").write_text(BROKEN)
        await place.service.start()
        place.didomi.click(gus.ouid, NO)
        await place.agree(gus, "Newsletter", False)
        told = (await place.status())["mappings"]
        metrics = (await place.get("/metrics")).text

        assert await in_force(place) == before
        assert told["in_force"][0]["current"] is False
        assert "mapings" in told["problems"][0]
        assert 'consent_sync_mapping_valid{mapping="brand-a"} 0.0' in metrics
        assert place.service.events("mapping_kept")


async def test_turns_under_way_are_neither_dropped_nor_held_up(tmp_path: Path) -> None:
    """A turn ends under the version it began with, and webhooks are answered all the while."""
    async with town(tmp_path) as place:
        file = place.service.mappings / "brand-a.yaml"
        people = [place.person(f"hal_{n}", Newsletter=True) for n in range(30)]
        place.actito.switches.latency_ms = 100
        for person in people:
            place.didomi.click(person.ouid, NO)
        for number in range(3):
            file.write_text(edited(number))
            seen = len(place.service.events("mapping_changed"))
            await until("it counts", partial(changed_again, place, seen))
        await place.all_agree(people, "Newsletter", False)

        assert place.calls()["actito profiles.put"] == len(people)
        assert not place.service.events("turn_trouble")
