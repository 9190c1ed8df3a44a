"""The folder of mapping files, and the mappings in force.

A file that turns bad, or cannot be read for a while, never replaces its own last good version.
A removed file removes its mapping; a folder that is gone or empty removes none.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from collections.abc import Mapping as MappingView
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from watchfiles import awatch

from consent_sync.adapters.mapping_files.files import FileReading, read_file
from consent_sync.adapters.mapping_files.problems import WHOLE_FILE, Code, Problem, in_order
from consent_sync.adapters.mapping_files.together import settle_files
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.moments import Micros
from consent_sync.ports.clock import Clock

POLL_SECONDS: Final = 1.0
"""How often the folder is looked at where the system reports no changes (network folders)."""

SETTLE_SECONDS: Final = 0.2
"""A change is read once two looks this far apart see the same, so that half a file is not."""

TEST_ENDINGS: Final = (".tests.yaml", ".tests.yml")
"""What files of tests end in."""

_MOST_LOOKS: Final = 50
_DEBOUNCE_MS: Final = 400

_NONE: Final[MappingView[str, Mapping]] = MappingProxyType({})

Signature = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A mapping that came (`old` None), went (`new` None) or got another version."""

    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Reload:
    """What one look at the folder brought; `kept` names mappings whose file is bad or gone unread."""

    at: Micros
    changes: tuple[Change, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    kept: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FolderReading:
    """The mapping files of a folder, with everything that is wrong or odd in and between them.

    `in_force` holds, by file, what counts after this reading; `seen` is how the folder looked.
    """

    files: tuple[FileReading, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    in_force: MappingView[str, Mapping]
    seen: Signature = ()

    def refusing(
        self, refused: MappingView[str, Problem], last_good: MappingView[str, Mapping]
    ) -> "FolderReading":
        """Return the same reading with these files refused, each for one more problem."""
        judged = tuple(
            one.refused(refused[one.file]) if one.file in refused else one for one in self.files
        )
        files, in_force, _ = settle_files(judged, last_good)
        found = (problem for one in files for problem in one.problems)
        problems = in_order([*self.problems, *found])
        return replace(self, files=tuple(files), problems=problems, in_force=in_force)


def is_mapping_file(name: str) -> bool:
    """Say whether a file of this name holds a mapping; hidden files and `*.tests.yaml` do not."""
    if name.startswith(".") or name.endswith(TEST_ENDINGS):
        return False
    return name.endswith((".yaml", ".yml"))


def read_folder(
    path: Path,
    last_good: MappingView[str, Mapping] = _NONE,
    read: Callable[[Path], FileReading] = read_file,
) -> FolderReading:
    """Read every mapping file of the folder; a bad one counts as in `last_good`, which is by file.

    An empty folder ends nothing that is in force: it may be a disk that is not there. Touches the
    disk, raises nothing about it.
    """
    try:
        names = sorted(entry.name for entry in path.iterdir())
    except OSError as error:
        found = f"a folder that cannot be read: {error.strerror}"
        problem = Problem(Code.FOLDER, str(path), WHOLE_FILE, found, "the folder of mapping files")
        return FolderReading((), (problem,), (), last_good)
    readings = tuple(read(path / name) for name in names if is_mapping_file(name))
    if last_good and not readings:
        found = "a folder without any mapping file, while mappings are in force"
        problem = Problem(Code.FOLDER, str(path), WHOLE_FILE, found, "the folder of mapping files")
        return FolderReading((), (problem,), (), last_good)
    files, in_force, odd = settle_files(readings, last_good)
    warnings = [_not_read(name) for name in names if _looks_like_one(name)]
    if not files:
        found, expected = "no mapping file", "at least one *.yaml file"
        warnings.append(Problem(Code.NO_FILES, str(path), WHOLE_FILE, found, expected))
    warnings += [_tests_alone(name) for name in names if _without_mapping(name, names)]
    warnings += [*odd, *(warning for one in files for warning in one.warnings)]
    problems = in_order(problem for one in files for problem in one.problems)
    return FolderReading(tuple(files), problems, in_order(warnings), in_force)


class MappingFolder:
    """The mappings of one folder, reloaded when its files change; keeps `ports.MappingSource`."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._by_file = _NONE
        self._current = _NONE
        self._seen: Signature = ()
        self._stamps: dict[str, Signature] = {}
        self._unchanged: dict[str, tuple[Signature, FileReading]] = {}
        self._last = Reload(0, (), (), (), ())

    def current(self) -> MappingView[str, Mapping]:
        """Return the mappings in force by name; cheap, no I/O."""
        return self._current

    def problems(self) -> tuple[Problem, ...]:
        """Return everything that was wrong at the last look, by file and line."""
        return self._last.problems

    def warnings(self) -> tuple[Problem, ...]:
        """Return what the last look found odd but usable."""
        return self._last.warnings

    def kept(self) -> tuple[str, ...]:
        """Return the names of mappings in force from an earlier version of their file."""
        return self._last.kept

    def remember(self, last_good: MappingView[str, Mapping]) -> None:
        """Begin with what was in force before, by file; it holds until `put`."""
        self._by_file = MappingProxyType(dict(last_good))
        self._current = MappingProxyType({one.name: one for one in last_good.values()})

    @property
    def path(self) -> Path:
        """Return the folder."""
        return self._path

    def by_file(self) -> MappingView[str, Mapping]:
        """Return the mappings in force by file."""
        return self._by_file

    def load(self) -> Reload:
        """Read the folder once and put what is good in force; touches the disk."""
        return self.put(self.read())

    def read(self) -> FolderReading:
        """Read the folder and change nothing; touches the disk.

        A file that looks as it did when it was put in force is not read again.
        """
        seen, self._stamps = _signature(self._path), {}
        return replace(read_folder(self._path, self._by_file, self._read), seen=seen)

    def put(self, reading: FolderReading) -> Reload:
        """Put what a reading brought in force, all at once."""
        old, new = self._current, {one.name: one for one in reading.in_force.values()}
        self._by_file, self._current = reading.in_force, MappingProxyType(new)
        self._seen = reading.seen
        good = {one.file: one for one in reading.files if one.mapping is not None}
        self._unchanged = {
            file: (self._stamps[file], replace(one, data=b"")) for file, one in good.items()
        }
        return self._noted(reading, _changes(old, new), reading.problems)

    def leave(self, reading: FolderReading, problem: Problem) -> Reload:
        """Put nothing in force because of a problem; the folder is looked at again soon."""
        as_before = replace(reading, in_force=self._by_file)
        return self._noted(as_before, (), in_order([*reading.problems, problem]))

    def _noted(
        self, reading: FolderReading, changes: tuple[Change, ...], problems: tuple[Problem, ...]
    ) -> Reload:
        said = {one.file: one.mapping for one in reading.files}
        kept = sorted(one.name for file, one in reading.in_force.items() if said.get(file) != one)
        self._last = Reload(self._clock.now(), changes, problems, reading.warnings, tuple(kept))
        return self._last

    def _read(self, path: Path) -> FileReading:
        stamp = _stamp(path)
        self._stamps[path.name] = stamp
        known = self._unchanged.get(path.name)
        return known[1] if known is not None and known[0] == stamp else read_file(path)

    async def watch(
        self,
        on_change: Callable[[Reload], None],
        refresh: Callable[[], Awaitable[Reload]] | None = None,
    ) -> None:
        """Reload on every change until cancelled; tell of new versions and of new or solved problems.

        `refresh` does the reloading, `load` where it is not given. `on_change` runs in the event
        loop and must not block.
        """
        async with aclosing(self._touches()) as touches:
            async for _ in touches:
                if await asyncio.to_thread(_signature, self._path) == self._seen:
                    continue
                await self._settled()
                before = self._last
                after = await (refresh() if refresh else asyncio.to_thread(self.load))
                if after.changes or _told(after) != _told(before):
                    on_change(after)

    async def _touches(self) -> AsyncGenerator[None]:
        """Yield whenever the folder may have changed: on notice, and every few seconds anyway."""
        # What changed between the first reading and the start of the watch counts too.
        yield
        while True:
            watched = await asyncio.to_thread(_identity, self._path)
            try:
                notices = awatch(
                    self._path,
                    watch_filter=None,
                    recursive=False,
                    debounce=_DEBOUNCE_MS,
                    rust_timeout=int(POLL_SECONDS * 1000),
                    yield_on_timeout=True,
                )
                async with aclosing(notices):
                    async for _ in notices:
                        yield
                        if await asyncio.to_thread(_identity, self._path) != watched:
                            break
            except (OSError, RuntimeError):
                # No folder, or no more watches to be had from the system: look now and then.
                await self._clock.sleep(POLL_SECONDS)
                yield

    async def _settled(self) -> None:
        """Wait until nothing moves; a folder that never rests is read as it is."""
        before = await asyncio.to_thread(_signature, self._path)
        for _ in range(_MOST_LOOKS):
            await self._clock.sleep(SETTLE_SECONDS)
            after = await asyncio.to_thread(_signature, self._path)
            if after == before:
                return
            before = after


def _changes(old: MappingView[str, Mapping], new: MappingView[str, Mapping]) -> tuple[Change, ...]:
    versions = [
        (
            name,
            old[name].version if name in old else None,
            new[name].version if name in new else None,
        )
        for name in sorted({*old, *new})
    ]
    return tuple(Change(*one) for one in versions if one[1] != one[2])


def _told(reload: Reload) -> tuple[object, ...]:
    return reload.problems, reload.warnings, reload.kept


def _looks_like_one(name: str) -> bool:
    return not is_mapping_file(name) and is_mapping_file(name.lower())


def _not_read(name: str) -> Problem:
    expected = "the ending .yaml or .yml in small letters"
    return Problem(Code.FILE_NOT_READ, name, WHOLE_FILE, "a file that is not read", expected)


def _without_mapping(name: str, names: list[str]) -> bool:
    stem, ending, _ = name.partition(".tests.")
    return (
        bool(ending)
        and name.endswith(TEST_ENDINGS)
        and not {f"{stem}.yaml", f"{stem}.yml"} & {*names}
    )


def _tests_alone(name: str) -> Problem:
    found, expected = "tests without a mapping", f"{name.partition('.tests.')[0]}.yaml beside them"
    return Problem(Code.TESTS_ALONE, name, WHOLE_FILE, found, expected)


def _signature(path: Path) -> Signature:
    """Return what differs when a file of the folder, or the folder itself, is another."""
    try:
        entries = sorted(path.iterdir())
    except OSError as error:
        return (error.errno,)
    return tuple((entry.name, *_stamp(entry)) for entry in entries)


def _stamp(entry: Path) -> Signature:
    try:
        stat = entry.stat()
    except OSError as error:
        return (error.errno,)
    return stat.st_ino, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_mode


def _identity(path: Path) -> Signature:
    try:
        stat = path.stat()
    except OSError as error:
        return (error.errno,)
    return stat.st_dev, stat.st_ino
