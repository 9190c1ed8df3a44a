"""No room on the disk: every delivery is answered 503, nothing is half kept, and it recovers by itself."""

import resource
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.system.harness import Reply, Town, didomi_event, town, until

LONG_AGO = "2026-01-15T09:30:00.000Z"


def limit_files(place: Town, size: int) -> None:
    """Let no file of the running process grow beyond this size, as if the disk ended there."""
    process = place.service.process
    assert process is not None
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, hard))


def wide(number: int) -> dict[str, object]:
    """Return an event of about 20 kB of somebody without a profile."""
    event = didomi_event(f"wide_{number}@example.com", f"wide-{number}", LONG_AGO)
    event["parameters"]["entity"]["metadata"] = {"note": "x" * 20_000}
    return event


async def fill(place: Town) -> tuple[list[int], Reply]:
    """Post events until one is refused; return the numbers that were accepted, and the refusal."""
    accepted: list[int] = []
    for number in range(5_000):
        reply = await place.didomi_says(wide(number))
        if reply.status != 200:
            return accepted, reply
        accepted.append(number)
    raise AssertionError("the disk never got full")


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux changes a running process")
async def test_file_that_cannot_grow(tmp_path: Path) -> None:
    """503 with Retry-After while nothing can be written; afterwards all goes on, and all was kept."""
    async with town(tmp_path) as place:
        limit_files(place, 1024 * 1024)

        await fill_and_recover(place, lambda: limit_files(place, resource.RLIM_INFINITY))


IN_A_ROOM = 'mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@"'
"""Runs a command that sees a small disk of its own at a folder."""


def can_have_a_room() -> bool:
    """Say whether this machine lets an ordinary user mount a disk in memory that only they see."""
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", IN_A_ROOM]
    if shutil.which("unshare") is None:
        return False
    return (
        subprocess.run([*command, "/tmp", "true"], check=False, capture_output=True).returncode == 0
    )


@pytest.mark.skipif(not can_have_a_room(), reason="this machine allows no private mounts")
async def test_disk_without_room(tmp_path: Path) -> None:
    """The same on a disk that is really full, until something else on it is deleted."""
    async with town(tmp_path, started=False) as place:
        folder = place.service.database.parent
        folder.mkdir()
        words = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", IN_A_ROOM)
        place.service.before = (*words, str(folder))
        await place.service.start()
        place.connect()
        ballast = put_ballast(place, folder)

        await fill_and_recover(place, ballast.unlink)


def put_ballast(place: Town, folder: Path) -> Path:
    """Fill three quarters of the disk that only the process sees."""
    process = place.service.process
    assert process is not None
    ballast = Path(f"/proc/{process.pid}/root{folder}/ballast")
    ballast.write_bytes(bytes(3 * 1024 * 1024))
    return ballast


async def fill_and_recover(place: Town, make_room: Callable[[], None]) -> None:
    """Fill the disk, watch what is answered, make room, and look for everything that was said."""
    ada = place.person("ada", Newsletter=True)
    accepted, reply = await fill(place)

    assert reply.status == 503
    assert reply.body["code"] == "store-unavailable"
    assert int(reply.headers["Retry-After"]) > 0

    # Each look commits an empty transaction: soon even that finds no room.
    await until("it is not ready", lambda: is_ready(place, 503))
    assert (await place.get("/healthz")).status == 200
    assert (await place.get("/metrics")).status == 200

    # People go on clicking; the platforms keep what is not taken from them.
    place.didomi.click(ada.ouid, {"channels": {"email": False}})
    place.actito.people.unsubscribe(ada.profile, "DailyDeals")
    await until("both were refused", lambda: place.actito.sender.tally.attempts > 2)
    make_room()

    await until("it is ready again", lambda: is_ready(place, 200))
    await until("Didomi delivers what it stored", lambda: delivered(place))
    await place.agree(ada, "Newsletter", False)
    await place.agree(ada, "DailyDeals", False)
    again = [(await place.didomi_says(wide(number))).body for number in accepted]
    first = await place.didomi_says(wide(len(accepted)))

    assert again == [{"accepted": 0, "duplicates": 1}] * len(accepted)
    assert first.body == {"accepted": 1, "duplicates": 0}
    assert await place.service.stop() == 0


async def is_ready(place: Town, status: int) -> bool:
    return (await place.get("/readyz")).status == status


def delivered(place: Town) -> bool:
    return not place.didomi.sender.replay_stored() and not place.didomi.sender.waiting
