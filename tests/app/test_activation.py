"""From an edited file to the version in force, and what survives a restart."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from consent_sync.adapters.clock import SystemClock
from consent_sync.adapters.mapping_files import Change, Code, MappingFolder, Reload
from consent_sync.adapters.mapping_files.folder import POLL_SECONDS
from consent_sync.adapters.storage.memory import MemoryStore
from consent_sync.app.activation import Activation
from consent_sync.app.trials import TrialGate
from consent_sync.domain.errors import StoreError
from consent_sync.domain.rules import Rules
from consent_sync.ports.versions import MappingVersion
from tests.mapping_files.samples import HEAD, LINES

GOOD = HEAD + LINES
OTHER = GOOD.replace("email", "sms")
BAD = GOOD.replace("actito:", "aktito:")


class Desk:
    """A folder, a store, and processes that come and go over them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = MemoryStore(SystemClock())

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_bytes(text.encode())

    async def begin(self) -> tuple[MappingFolder, Activation, Reload]:
        """Start a process anew over what is there."""
        await self.store.close()
        await self.store.open()
        folder = MappingFolder(self.path, SystemClock())
        activation = Activation(folder, self.store, SystemClock(), TrialGate(Rules()))
        return folder, activation, await activation.start()

    async def history(self) -> list[tuple[str, str, str]]:
        rows = await self.store.versions(None, before=None, limit=100)
        return [(one.mapping, one.file, one.version) for one in reversed(rows)]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_a_version_is_kept_whole_before_it_is_used(desk: Desk) -> None:
    """What is in force stands in the store, its text to the byte and its difference."""
    desk.write("a.yaml", "# ä remark\r\n" + GOOD)
    folder, activation, _ = await desk.begin()
    first = folder.current()["brand-a"]
    desk.write("a.yaml", OTHER)
    await activation.refresh()
    second = folder.current()["brand-a"]
    kept = [await desk.store.version_by_number(number) for number in (1, 2)]

    assert [one.content if one else None for one in kept] == [first, second]
    assert kept[0] is not None
    assert kept[1] is not None
    assert kept[0].text == ("# ä remark\r\n" + GOOD).encode()
    assert [(one.name, one.before, one.after) for one in kept[1].difference] == [
        ("Newsletter", "{channel: email}, two-way", "{channel: sms}, two-way")
    ]


async def test_a_restart_over_the_same_files_changes_nothing(desk: Desk) -> None:
    """Starting again neither adds to the history nor tells of a change."""
    desk.write("a.yaml", GOOD)
    await desk.begin()
    folder, _, reload = await desk.begin()

    assert reload.changes == ()
    assert list(folder.current()) == ["brand-a"]
    assert len(await desk.history()) == 1


@pytest.mark.parametrize("text", [BAD, "", "name: [", "\x00"])
async def test_the_last_good_version_holds_over_a_restart(desk: Desk, text: str) -> None:
    """A file that is bad when the process starts does not take its mapping away."""
    desk.write("a.yaml", GOOD)
    desk.write("b.yaml", GOOD.replace("brand-a", "brand-b").replace("Customers", "Members"))
    before, _, _ = await desk.begin()
    desk.write("a.yaml", text)
    folder, _, reload = await desk.begin()

    assert folder.current() == before.current()
    assert reload.kept == ("brand-a",)
    assert {problem.file for problem in reload.problems} == {"a.yaml"}


async def test_a_vanished_folder_holds_over_a_restart(desk: Desk) -> None:
    """A folder that is gone, or empty, when the process starts ends no mapping."""
    desk.path /= "mappings"
    desk.path.mkdir()
    desk.write("a.yaml", GOOD)
    await desk.begin()
    desk.path.rename(desk.path.with_name("elsewhere"))
    gone, _, reload = await desk.begin()
    desk.path.mkdir()
    empty, _, again = await desk.begin()

    assert list(gone.current()) == list(empty.current()) == ["brand-a"]
    assert [one.code for one in (*reload.problems, *again.problems)] == [Code.FOLDER] * 2
    assert len(await desk.history()) == 1


async def test_a_file_removed_while_nothing_ran_ends_its_mapping(desk: Desk) -> None:
    """The end of a mapping is part of the history, and comes only once."""
    desk.write("a.yaml", GOOD)
    desk.write("b.yaml", GOOD.replace("brand-a", "brand-b").replace("Customers", "Members"))
    folder, _, _ = await desk.begin()
    version = folder.current()["brand-b"].version
    (desk.path / "b.yaml").unlink()
    folder, _, reload = await desk.begin()
    await desk.begin()

    assert list(folder.current()) == ["brand-a"]
    assert reload.changes == (Change("brand-b", version, None),)
    assert (await desk.history())[2:] == [("brand-b", "b.yaml", "")]


async def test_a_renamed_file_is_remembered_under_its_new_name(desk: Desk) -> None:
    """The last good version is found again by the file it came from, whatever that is called."""
    desk.write("a.yaml", GOOD)
    folder, activation, _ = await desk.begin()
    (desk.path / "a.yaml").rename(desk.path / "b.yaml")
    await activation.refresh()
    desk.write("b.yaml", BAD)
    folder, _, reload = await desk.begin()
    history = await desk.history()

    assert folder.current()["brand-a"].file == "b.yaml"
    assert reload.kept == ("brand-a",)
    assert [file for _, file, _ in history] == ["a.yaml", "b.yaml"]
    assert len({version for _, _, version in history}) == 1


async def test_a_mapping_with_a_new_name_ends_under_the_old_one(desk: Desk) -> None:
    """Both rows are kept together, so that never both names or none are in force."""
    desk.write("a.yaml", GOOD)
    _, activation, _ = await desk.begin()
    desk.write("a.yaml", GOOD.replace("brand-a", "brand-z"))
    await activation.refresh()
    history = await desk.history()

    assert [(name, bool(version)) for name, _, version in history] == [
        ("brand-a", True),
        ("brand-a", False),
        ("brand-z", True),
    ]
    assert [one.mapping for one in await desk.store.versions_in_force()] == ["brand-z"]


class FullStore(MemoryStore):
    """Keeps no version while it is full."""

    full = False
    tries = 0

    async def keep_versions(self, versions: Sequence[MappingVersion]) -> None:
        self.tries += 1
        if self.full:
            raise StoreError("the disk is full")
        await super().keep_versions(versions)


async def test_what_cannot_be_kept_decides_nothing(desk: Desk) -> None:
    """While the store keeps nothing the version before stays, and it is tried again by itself."""
    desk.store = store = FullStore(SystemClock())
    desk.write("a.yaml", GOOD)
    folder, activation, _ = await desk.begin()
    before = folder.current()
    store.full = True
    desk.write("a.yaml", OTHER)
    async with watching(activation) as told:
        reload = await next_of(told)

        assert [problem.code for problem in reload.problems] == [Code.NOT_STORED]
        assert "the disk is full" in str(reload.problems[0])
        assert folder.current() == before
        assert folder.kept() == ("brand-a",)

        store.full = False
        reload = await next_of(told)

    assert [change.name for change in reload.changes] == ["brand-a"]
    assert folder.current()["brand-a"].lines[0].node.channel == "sms"
    assert folder.problems() == ()


class Counting(SystemClock):
    """Counts what is waited for, and waits only a moment."""

    waited = 0.0

    async def sleep(self, seconds: float) -> None:
        self.waited += seconds
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("deaf", [False, True])
async def test_a_change_is_in_force_within_two_seconds(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, deaf: bool
) -> None:
    """With the system's notices or without, all that is waited for is less than that."""

    def no_notices(*_: object, **__: object) -> None:
        raise RuntimeError("no notices to be had")

    if deaf:
        monkeypatch.setattr("consent_sync.adapters.mapping_files.folder.awatch", no_notices)
    desk.write("a.yaml", GOOD)
    clock, gate = Counting(), TrialGate(Rules())
    await desk.store.open()
    folder = MappingFolder(desk.path, clock)
    activation = Activation(folder, desk.store, clock, gate)
    await activation.start()
    async with watching(activation) as told:
        for text in (OTHER, GOOD):
            clock.waited = 0.0
            desk.write("a.yaml", text)
            await next_of(told)
            waited = clock.waited % POLL_SECONDS + POLL_SECONDS if deaf else clock.waited + 0.4

            assert waited < 2

    assert folder.current()["brand-a"].lines[0].node.channel == "email"


async def test_a_file_written_in_pieces_is_kept_once(desk: Desk) -> None:
    """Half a file is never a version of its own."""
    desk.write("a.yaml", GOOD)
    _, activation, _ = await desk.begin()
    text = GOOD + "".join(f"  - {{id: S{n}, value: {{purpose: p{n}}}}}\n" for n in range(20))
    async with watching(activation) as told:
        await asyncio.sleep(0.05)
        with (desk.path / "a.yaml").open("wb", buffering=0) as stream:
            for start in range(0, len(text), 40):
                stream.write(text[start : start + 40].encode())
                await asyncio.sleep(0.02)
        await next_of(told)

    assert len(await desk.history()) == 2


@contextlib.asynccontextmanager
async def watching(activation: Activation) -> AsyncIterator["asyncio.Queue[Reload]"]:
    told: asyncio.Queue[Reload] = asyncio.Queue()
    task = asyncio.create_task(activation.watch(told.put_nowait))
    try:
        yield told
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def next_of(told: "asyncio.Queue[Reload]") -> Reload:
    return await asyncio.wait_for(told.get(), 10)


class DyingStore(MemoryStore):
    """The process dies right after the versions are durable."""

    async def keep_versions(self, versions: Sequence[MappingVersion]) -> None:
        await super().keep_versions(versions)
        raise asyncio.CancelledError


async def test_killed_between_keeping_and_using(desk: Desk) -> None:
    """A version that was kept and never used is in force after the start, and kept once."""
    desk.write("a.yaml", GOOD)
    await desk.begin()
    desk.write("a.yaml", OTHER)
    folder = MappingFolder(desk.path, SystemClock())
    dying = DyingStore(SystemClock())
    dying._data = desk.store._data
    await dying.open()
    activation = Activation(folder, dying, SystemClock(), TrialGate(Rules()))
    with pytest.raises(asyncio.CancelledError):
        await activation.start()
    assert folder.current()["brand-a"].lines[0].node.channel == "email"

    desk.write("a.yaml", BAD)
    folder, _, reload = await desk.begin()

    assert folder.current()["brand-a"].lines[0].node.channel == "sms"
    assert reload.kept == ("brand-a",)
    assert len(await desk.history()) == 2


TESTS = """\
tests:
  - name: a yes to email subscribes
    given:
      events:
        - didomi: {Newsletter: granted}
    expect:
      subscriptions: {Newsletter: true}
"""
INVERTED = GOOD + "    inverted: true\n"


async def test_a_change_whose_tests_fail_is_not_put_in_force(desk: Desk) -> None:
    """A slip that would opt people out, or in, stays out until file or tests are changed."""
    desk.write("a.yaml", GOOD)
    desk.write("a.tests.yaml", TESTS)
    folder, activation, first = await desk.begin()
    before = folder.current()
    desk.write("a.yaml", INVERTED)
    second = await activation.refresh()

    assert first.problems == ()
    assert [(one.file, one.place.line, one.code) for one in second.problems] == [
        ("a.tests.yaml", 7, Code.TEST_FAILED)
    ]
    assert folder.current() == before
    assert second.kept == ("brand-a",)
    assert len(await desk.history()) == 1

    desk.write("a.tests.yaml", TESTS.replace("Newsletter: true", "Newsletter: false"))
    third = await activation.refresh()

    assert [change.name for change in third.changes] == ["brand-a"]
    assert third.problems == ()


async def test_a_new_mapping_whose_tests_fail_does_not_begin(desk: Desk) -> None:
    """Without an earlier version nothing is in force, over a restart too."""
    desk.write("a.yaml", INVERTED)
    desk.write("a.tests.yaml", TESTS)
    folder, _, reload = await desk.begin()

    assert dict(folder.current()) == {}
    assert [one.code for one in reload.problems] == [Code.TEST_FAILED]


async def test_tests_that_fail_later_end_nothing(desk: Desk) -> None:
    """What is in force stays when only its tests were changed, or were never right."""
    desk.write("a.yaml", GOOD)
    _, activation, _ = await desk.begin()
    desk.write("a.tests.yaml", TESTS.replace("true", "false"))
    await activation.refresh()
    folder, activation, reload = await desk.begin()

    assert list(folder.current()) == ["brand-a"]
    assert reload.kept == ()
    assert [one.code for one in reload.problems] == [Code.TEST_FAILED]

    desk.write("a.tests.yaml", "tests: [")
    reload = await activation.refresh()
    assert list(folder.current()) == ["brand-a"]
    assert [one.code for one in reload.problems] == [Code.SYNTAX]

    desk.write("a.yaml", OTHER)
    await activation.refresh()
    assert folder.current()["brand-a"].lines[0].node.channel == "email"


async def test_tests_of_one_file_hold_up_no_other(desk: Desk) -> None:
    """A mapping beside one whose tests fail takes its change all the same."""
    desk.write("a.yaml", INVERTED)
    desk.write("a.tests.yaml", TESTS)
    desk.write("b.yaml", GOOD.replace("brand-a", "brand-b").replace("Customers", "Others"))
    folder, _, _ = await desk.begin()

    assert list(folder.current()) == ["brand-b"]


async def test_replicas_over_one_store_keep_a_version_once(desk: Desk) -> None:
    """Several processes that see the same change put it in force, and one of them keeps it."""
    desk.write("a.yaml", GOOD)
    await desk.begin()
    others = []
    for _ in range(2):
        folder = MappingFolder(desk.path, SystemClock())
        others.append((folder, Activation(folder, desk.store, SystemClock(), TrialGate(Rules()))))
    for _, activation in others:
        await activation.start()
    desk.write("a.yaml", OTHER)
    for _, activation in others:
        await activation.refresh()
    assert [folder.current()["brand-a"].lines[0].node.channel for folder, _ in others] == [
        "sms",
        "sms",
    ]
    assert len(await desk.history()) == 2

    (desk.path / "a.yaml").unlink()
    desk.write("b.yaml", OTHER.replace("brand-a", "brand-b"))
    for _, activation in others:
        await activation.refresh()

    assert [name for name, _, _ in (await desk.history())[2:]] == ["brand-a", "brand-b"]


async def test_a_line_is_not_turned_round_by_one_word(desk: Desk) -> None:
    """`inverted` would subscribe everybody who refused, so a test has to say that it is meant."""
    desk.write("a.yaml", GOOD)
    folder, activation, _ = await desk.begin()
    desk.write("a.yaml", INVERTED)
    refused = await activation.refresh()

    assert [(one.place.line, one.code) for one in refused.problems] == [(10, Code.TURNED_ROUND)]
    assert folder.current()["brand-a"].lines[0].inverted is False
    assert refused.kept == ("brand-a",)

    about_didomi = TESTS.replace(
        "subscriptions: {Newsletter: true}", "didomi: {Newsletter: granted}"
    )
    desk.write("a.tests.yaml", about_didomi)
    assert (await activation.refresh()).changes == ()

    desk.write("a.tests.yaml", TESTS.replace("Newsletter: true", "Newsletter: false"))
    assert [change.name for change in (await activation.refresh()).changes] == ["brand-a"]
    assert folder.current()["brand-a"].lines[0].inverted is True

    (desk.path / "a.tests.yaml").unlink()
    assert (await activation.refresh()).problems == ()


async def test_a_line_that_is_turned_round_over_a_restart_is_noticed(desk: Desk) -> None:
    """What was edited while nothing ran is held against what was last in force."""
    desk.write("a.yaml", GOOD)
    await desk.begin()
    desk.write("a.yaml", INVERTED)
    folder, _, reload = await desk.begin()

    assert [one.code for one in reload.problems] == [Code.TURNED_ROUND]
    assert folder.current()["brand-a"].lines[0].inverted is False


async def test_a_new_line_may_be_inverted(desk: Desk) -> None:
    """Only what is in force can be turned round; a new line, or a new mapping, cannot."""
    desk.write("a.yaml", INVERTED)
    folder, activation, _ = await desk.begin()
    desk.write("a.yaml", INVERTED + "  - {id: Calls, value: {channel: phone}, inverted: true}\n")
    await activation.refresh()

    assert [line.inverted for line in folder.current()["brand-a"].lines] == [True, True]


async def test_a_mapping_that_moves_elsewhere_is_warned_about(desk: Desk) -> None:
    """Another table under the same name is told, because what is known belongs to the old one."""
    desk.write("a.yaml", GOOD)
    folder, activation, _ = await desk.begin()
    desk.write("a.yaml", GOOD.replace("Customers", "Members"))
    reload = await activation.refresh()

    assert [one.code for one in reload.warnings] == [Code.MOVED]
    assert folder.current()["brand-a"].table == "Members"
    assert (await activation.refresh()).warnings == ()
