"""The folder of mapping files: what is in force while files come, go and turn bad."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from consent_sync.adapters.mapping_files import (
    Change,
    Code,
    MappingFolder,
    Reload,
    is_mapping_file,
    read_folder,
)
from consent_sync.ports.mappings import MappingSource
from tests.mapping_files.samples import HEAD, LINES

GOOD = HEAD + LINES
BAD = GOOD.replace("actito:", "aktito:")


class Hurried:
    """A clock that counts what was waited for and waits only a moment."""

    def __init__(self) -> None:
        self.waited = 0.0
        self.before_each_wait: Callable[[], None] = lambda: None

    def now(self) -> int:
        return 1_700_000_000_000_000

    async def sleep(self, seconds: float) -> None:
        self.waited += seconds
        self.before_each_wait()
        await asyncio.sleep(0.001)


def named(name: str, text: str = GOOD) -> str:
    """Return the file of another mapping, which has a table of its own."""
    return text.replace("name: brand-a", f"name: {name}").replace("Customers", f"Of-{name}")


def folder(path: Path, **files: str) -> MappingFolder:
    for name, text in files.items():
        (path / f"{name}.yaml").write_text(text, encoding="utf-8")
    made = MappingFolder(path, Hurried())
    made.load()
    return made


def codes(made: MappingFolder) -> list[tuple[str, Code]]:
    return [(problem.file, problem.code) for problem in made.problems()]


def test_folder_is_a_source_of_mappings(tmp_path: Path) -> None:
    """The folder keeps the promise that the services rely on."""
    source: MappingSource = folder(tmp_path, a=GOOD, b=named("brand-b"))

    assert sorted(source.current()) == ["brand-a", "brand-b"]


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("brand-a.yaml", True),
        ("brand-a.yml", True),
        ("brand-a.tests.yaml", False),
        ("brand-a.tests.yml", False),
        (".brand-a.yaml", False),
        (".#brand-a.yaml", False),
        ("brand-a.yaml~", False),
        ("brand-a.yaml.swp", False),
        ("mapping.schema.json", False),
        ("README.md", False),
    ],
)
def test_only_mapping_files_are_read(name: str, read: bool) -> None:
    """Tests, notes and what editors leave beside a file are no mappings."""
    assert is_mapping_file(name) is read


def test_file_with_capital_ending_is_pointed_out(tmp_path: Path) -> None:
    """A file that looks like a mapping and is not read does not stay unnoticed."""
    made = folder(tmp_path, a=GOOD)
    (tmp_path / "b.YAML").write_text(named("brand-b"), encoding="utf-8")

    assert [one.code for one in made.load().warnings] == [Code.FILE_NOT_READ]


def test_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    """Each file is judged alone, and the problems of all of them are told together."""
    made = folder(tmp_path, a=GOOD, b=named("brand-b", BAD), c=named("brand-c", "name: ["))

    assert list(made.current()) == ["brand-a"]
    assert codes(made) == [("b.yaml", Code.UNKNOWN_KEY), ("c.yaml", Code.SYNTAX)]


def test_bad_file_keeps_its_last_good_version(tmp_path: Path) -> None:
    """A mistake stops the change and not the mapping."""
    made = folder(tmp_path, a=GOOD)
    version = made.current()["brand-a"].version
    (tmp_path / "a.yaml").write_text(BAD, encoding="utf-8")
    reload = made.load()

    assert made.current()["brand-a"].version == version
    assert codes(made) == [("a.yaml", Code.UNKNOWN_KEY)]
    assert (reload.changes, reload.kept) == ((), ("brand-a",))
    assert made.kept() == ("brand-a",)


def test_repaired_file_takes_effect(tmp_path: Path) -> None:
    """After the repair the new version is in force and nothing is complained about."""
    made = folder(tmp_path, a=GOOD)
    old = made.current()["brand-a"].version
    (tmp_path / "a.yaml").write_text(BAD, encoding="utf-8")
    made.load()
    (tmp_path / "a.yaml").write_text(GOOD.replace("email", "sms"), encoding="utf-8")
    reload = made.load()
    new = made.current()["brand-a"].version

    assert reload.changes == (Change("brand-a", old, new),)
    assert (made.problems(), made.kept()) == ((), ())


def test_emptied_file_keeps_its_last_good_version(tmp_path: Path) -> None:
    """A file that is being rewritten is empty for a moment."""
    made = folder(tmp_path, a=GOOD)
    (tmp_path / "a.yaml").write_text("", encoding="utf-8")
    made.load()

    assert list(made.current()) == ["brand-a"]
    assert codes(made) == [("a.yaml", Code.EMPTY)]


def test_removed_file_removes_its_mapping(tmp_path: Path) -> None:
    """Deleting the file is how a mapping ends."""
    made = folder(tmp_path, a=GOOD, b=named("brand-b"))
    version = made.current()["brand-b"].version
    (tmp_path / "b.yaml").unlink()

    assert made.load().changes == (Change("brand-b", version, None),)
    assert list(made.current()) == ["brand-a"]


def test_vanished_folder_keeps_everything_in_force(tmp_path: Path) -> None:
    """A folder that is gone says nothing about the mappings."""
    path = tmp_path / "mappings"
    path.mkdir()
    made = folder(path, a=GOOD)
    path.rename(tmp_path / "elsewhere")
    reload = made.load()

    assert list(made.current()) == ["brand-a"]
    assert [one.code for one in reload.problems] == [Code.FOLDER]
    assert (reload.changes, reload.kept) == ((), ("brand-a",))


def test_emptied_folder_keeps_everything_in_force(tmp_path: Path) -> None:
    """A folder without any file looks like a disk that is not there, so no mapping ends by it."""
    made = folder(tmp_path, a=GOOD)
    (tmp_path / "a.yaml").unlink()
    reload = made.load()

    assert list(made.current()) == ["brand-a"]
    assert [one.code for one in reload.problems] == [Code.FOLDER]
    assert (reload.changes, reload.kept) == ((), ("brand-a",))


def test_file_that_looks_the_same_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One edited file among many costs the reading of one file."""
    made = folder(tmp_path, a=GOOD, b=named("brand-b"), c=named("brand-c", BAD))
    read: list[str] = []
    before = Path.open

    def spied(path: Path, mode: str = "r") -> object:
        read.append(path.name)
        return before(path, mode)

    (tmp_path / "b.yaml").write_text(named("brand-b", GOOD.replace("email", "sms")))
    monkeypatch.setattr(Path, "open", spied)
    made.load()

    # The bad one is read again as well: it may be its neighbours that make it bad.
    assert read == ["b.yaml", "c.yaml"]
    assert made.current()["brand-b"].lines[0].node.channel == "sms"
    assert sorted(made.current()) == ["brand-a", "brand-b"]


def test_folder_that_never_was_is_reported(tmp_path: Path) -> None:
    """Without a folder there are no mappings, and the reason is told."""
    made = MappingFolder(tmp_path / "nowhere", Hurried())
    made.load()

    assert dict(made.current()) == {}
    assert [one.code for one in made.problems()] == [Code.FOLDER]


def test_empty_folder_warns(tmp_path: Path) -> None:
    """A folder without a mapping file is allowed and rarely meant."""
    assert [one.code for one in folder(tmp_path).warnings()] == [Code.NO_FILES]


def test_what_is_no_file_is_reported(tmp_path: Path) -> None:
    """A folder or a dangling link with the name of a mapping file is a problem, not a crash."""
    (tmp_path / "a.yaml").mkdir()
    (tmp_path / "b.yaml").symlink_to(tmp_path / "gone")

    assert codes(folder(tmp_path)) == [("a.yaml", Code.UNREADABLE), ("b.yaml", Code.UNREADABLE)]


def test_file_that_may_not_be_read_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing rights on a file are a problem of that file."""

    def refuse(path: Path, mode: str = "r") -> None:
        raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / "a.yaml").write_text(GOOD, encoding="utf-8")
    monkeypatch.setattr(Path, "open", refuse)
    (file,) = read_folder(tmp_path).files

    assert [one.found for one in file.problems] == ["a file that cannot be read: Permission denied"]


def test_two_files_with_one_name_are_both_refused(tmp_path: Path) -> None:
    """Nobody can know which of the two is meant; each points to the other."""
    made = folder(tmp_path, a=GOOD, b=named("Brand-A"), c=named("brand-c"))

    assert list(made.current()) == ["brand-c"]
    assert codes(made) == [("a.yaml", Code.DUPLICATE_NAME), ("b.yaml", Code.DUPLICATE_NAME)]
    assert "a.yaml" in made.problems()[1].found


def test_newcomer_cannot_take_a_name_in_force(tmp_path: Path) -> None:
    """A copy of a file stops neither the original nor takes its place."""
    made = folder(tmp_path, a=GOOD)
    version = made.current()["brand-a"].version
    (tmp_path / "b.yaml").write_text(GOOD.replace("email", "sms"), encoding="utf-8")
    made.load()

    assert made.current()["brand-a"].version == version
    assert codes(made) == [("a.yaml", Code.DUPLICATE_NAME), ("b.yaml", Code.DUPLICATE_NAME)]


def test_name_of_a_broken_file_is_not_free(tmp_path: Path) -> None:
    """While a file is broken, no other file may take over its mapping."""
    made = folder(tmp_path, a=GOOD)
    (tmp_path / "a.yaml").write_text("name: [", encoding="utf-8")
    (tmp_path / "b.yaml").write_text(GOOD.replace("email", "sms"), encoding="utf-8")
    made.load()

    assert made.current()["brand-a"].file == "a.yaml"
    assert codes(made) == [("a.yaml", Code.SYNTAX), ("b.yaml", Code.DUPLICATE_NAME)]


def test_refusal_that_frees_no_name_goes_round(tmp_path: Path) -> None:
    """A file kept at its old name takes that name from whoever wanted it in the same moment."""
    made = folder(tmp_path, a=named("one"), b=named("two"))
    (tmp_path / "a.yaml").write_text(named("two"), encoding="utf-8")
    (tmp_path / "c.yaml").write_text(named("one"), encoding="utf-8")
    made.load()

    assert {name: one.file for name, one in made.current().items()} == {
        "one": "a.yaml",
        "two": "b.yaml",
    }
    assert codes(made) == [
        ("a.yaml", Code.DUPLICATE_NAME),
        ("b.yaml", Code.DUPLICATE_NAME),
        ("c.yaml", Code.DUPLICATE_NAME),
    ]


def test_names_may_be_exchanged_in_one_go(tmp_path: Path) -> None:
    """Two files that swap their names in the same moment are both taken."""
    made = folder(tmp_path, a=named("one"), b=named("two"))
    (tmp_path / "a.yaml").write_text(named("two"), encoding="utf-8")
    (tmp_path / "b.yaml").write_text(named("one"), encoding="utf-8")
    made.load()

    assert {name: one.file for name, one in made.current().items()} == {
        "one": "b.yaml",
        "two": "a.yaml",
    }


def test_renamed_file_keeps_its_mapping(tmp_path: Path) -> None:
    """The name of the mapping counts, not the name of its file."""
    made = folder(tmp_path, a=GOOD)
    (tmp_path / "a.yaml").rename(tmp_path / "b.yaml")

    assert made.load().changes == ()
    assert made.current()["brand-a"].file == "b.yaml"


@contextlib.asynccontextmanager
async def watching(made: MappingFolder) -> AsyncIterator["asyncio.Queue[Reload]"]:
    told: asyncio.Queue[Reload] = asyncio.Queue()
    task = asyncio.create_task(made.watch(told.put_nowait))
    try:
        yield told
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def next_of(told: "asyncio.Queue[Reload]") -> Reload:
    return await asyncio.wait_for(told.get(), 10)


async def test_change_takes_effect_while_watching(tmp_path: Path) -> None:
    """A saved file is in force without a restart, and the old and new versions are told."""
    made = folder(tmp_path, a=GOOD)
    old = made.current()["brand-a"].version
    async with watching(made) as told:
        await asyncio.sleep(0.05)
        (tmp_path / "a.yaml").write_text(GOOD.replace("email", "sms"), encoding="utf-8")
        reload = await next_of(told)

    assert reload.changes == (Change("brand-a", old, made.current()["brand-a"].version),)
    assert reload.at == Hurried().now()


async def test_change_before_the_watch_began_is_not_missed(tmp_path: Path) -> None:
    """What was saved between the first reading and the watch counts too."""
    made = folder(tmp_path, a=GOOD)
    (tmp_path / "b.yaml").write_text(named("brand-b"), encoding="utf-8")
    async with watching(made) as told:
        reload = await next_of(told)

    assert [change.name for change in reload.changes] == ["brand-b"]


async def test_new_mistake_is_told_although_nothing_changes(tmp_path: Path) -> None:
    """Who saves a bad file hears of it, though the old version stays."""
    made = folder(tmp_path, a=GOOD)
    (tmp_path / "a.yaml").write_text(BAD, encoding="utf-8")
    async with watching(made) as told:
        reload = await next_of(told)

    assert (reload.changes, reload.kept) == ((), ("brand-a",))
    assert [one.code for one in reload.problems] == [Code.UNKNOWN_KEY]


async def test_file_is_read_once_nobody_writes_it_any_more(tmp_path: Path) -> None:
    """Half a file can look whole, so the watch waits until it rests."""
    clock = Hurried()
    made = MappingFolder(tmp_path, clock)
    made.load()
    pieces = [GOOD[:-1], *(f"\n  - {{id: S{n}, value: {{purpose: p{n}}}}}" for n in range(5))]

    def write_on() -> None:
        if pieces:
            with (tmp_path / "a.yaml").open("a", encoding="utf-8") as stream:
                stream.write(pieces.pop(0))

    write_on()
    clock.before_each_wait = write_on
    async with watching(made) as told:
        reload = await next_of(told)

    assert len(made.current()["brand-a"].lines) == 6
    assert [change.old for change in reload.changes] == [None]


async def test_folder_that_comes_later_is_found(tmp_path: Path) -> None:
    """A folder that cannot be watched is looked at now and then until it is there."""
    path = tmp_path / "mappings"
    made = MappingFolder(path, Hurried())
    made.load()
    async with watching(made) as told:
        await asyncio.sleep(0.02)
        path.mkdir()
        (path / "a.yaml").write_text(GOOD, encoding="utf-8")
        while "brand-a" not in made.current():
            await next_of(told)

    assert made.problems() == ()


async def test_folder_exchanged_behind_a_link_is_noticed(tmp_path: Path) -> None:
    """Some systems publish files by pointing a link to another folder."""
    for name, text in (("one", GOOD), ("two", GOOD.replace("email", "sms"))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "..data").symlink_to(tmp_path / "one")
    (tmp_path / "mappings" / "a.yaml").symlink_to(Path("..data") / "a.yaml")
    made = MappingFolder(tmp_path / "mappings", Hurried())
    made.load()
    async with watching(made) as told:
        await asyncio.sleep(0.05)
        (tmp_path / "mappings" / "new").symlink_to(tmp_path / "two")
        (tmp_path / "mappings" / "new").replace(tmp_path / "mappings" / "..data")
        reload = await next_of(told)

    assert [change.name for change in reload.changes] == ["brand-a"]
    assert made.current()["brand-a"].lines[0].node.channel == "sms"
