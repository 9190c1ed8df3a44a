"""How an edited file becomes the version in force: read, checked, tried, stored, only then used.

A version decides nothing before it is durable. So whenever the process dies, every decision in the
ledger names a version that the store has whole.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Mapping as MappingView
from dataclasses import replace
from pathlib import Path

from consent_sync.adapters.mapping_files import (
    Code,
    FileReading,
    FolderReading,
    MappingFolder,
    Problem,
    Reload,
)
from consent_sync.adapters.mapping_files.problems import WHOLE_FILE, Place, in_order, shown
from consent_sync.app.trials import TrialGate
from consent_sync.domain.errors import StoreError
from consent_sync.domain.mapping import Mapping
from consent_sync.domain.versions import differences
from consent_sync.ports.clock import Clock
from consent_sync.ports.versions import MappingVersion, VersionHistory, Versions


class Activation:
    """Puts what the mapping files say in force, and keeps the history of it."""

    def __init__(
        self, folder: MappingFolder, versions: Versions, clock: Clock, gate: TrialGate
    ) -> None:
        self._folder = folder
        self._versions = versions
        self._clock = clock
        self._gate = gate

    async def start(self) -> Reload:
        """Begin with the versions that were last in force, then take the files as they are now.

        Raises StoreError when the versions cannot be read.
        """
        await self.remember()
        return await self.refresh()

    async def remember(self) -> None:
        """Put the versions in force that were so last; raises StoreError."""
        self._folder.remember(await last_good(self._versions))

    async def refresh(self) -> Reload:
        """Read the folder and put in force what is good; a problem leaves the last good version."""
        reading = await asyncio.to_thread(self._look)
        new = tuple(self._new_versions(reading))
        if new:
            try:
                await self._keep(new)
            except StoreError as error:
                # What cannot be proved later must not decide anything.
                return self._folder.leave(reading, _not_stored(new[0].file, error))
        return self._folder.put(reading)

    async def watch(self, on_change: Callable[[Reload], None]) -> None:
        """Go on with every change of the files until cancelled, and tell of it."""
        await self._folder.watch(on_change, self.refresh)

    async def _keep(self, new: Sequence[MappingVersion]) -> None:
        """Keep what the store does not have as newest yet: another replica may have been faster."""
        newest = {one.mapping: one for one in await self._versions.versions_in_force()}
        fresh = [one for one in new if not _same(newest.get(one.mapping), one)]
        if fresh:
            await self._versions.keep_versions(fresh)

    def _look(self) -> FolderReading:
        reading, in_force = self._folder.read(), self._folder.by_file()
        return tried(reading, self._folder.path, in_force, self._gate)

    def _new_versions(self, reading: FolderReading) -> Iterator[MappingVersion]:
        now, before = self._clock.now(), self._folder.current()
        after = {one.name: one for one in reading.in_force.values()}
        texts = {one.file: one.data for one in reading.files}
        # Ends first: a mapping that got another name ended under the old one.
        for name in sorted(before.keys() - after.keys()):
            old = before[name]
            yield MappingVersion(name, now, old.file, None, differences(old, None))
        for name in sorted(after):
            old_one, new = before.get(name), after[name]
            if old_one is None or _identity(old_one) != _identity(new):
                difference = differences(old_one, new)
                yield MappingVersion(name, now, new.file, new, difference, texts.get(new.file, b""))


def tried(
    reading: FolderReading, folder: Path, in_force: MappingView[str, Mapping], gate: TrialGate
) -> FolderReading:
    """Return the reading without the changed mappings whose tests fail; touches the disk.

    Failed tests of a mapping that is in force already are told, and change nothing.
    """
    before = {one.name: one for one in in_force.values()}
    told: list[Problem] = []
    odd: list[Problem] = []
    refused: dict[str, Problem] = {}
    for one in reading.files:
        if one.mapping is None:
            continue
        old = before.get(one.mapping.name)
        judged = gate.judge(folder / one.file, one.mapping)
        problems = [*judged.problems, *turned_round(one, old, judged.covered)]
        told += problems
        odd += moved(one, old)
        if problems and (old is None or old.version != one.mapping.version):
            refused[one.file] = problems[0]
    if not told and not odd:
        return reading
    left = reading.refusing(refused, in_force)
    return replace(
        left,
        problems=in_order([*left.problems, *told]),
        warnings=in_order([*left.warnings, *odd]),
    )


def turned_round(
    reading: FileReading, old: Mapping | None, covered: frozenset[str]
) -> Iterator[Problem]:
    """Yield the lines whose `inverted` was changed while no test tells what is meant.

    One word in a file would subscribe everybody who refused. So this change alone has to be said
    twice: in the mapping, and in a test that looks at the subscription.
    """
    before = {line.id: line for line in old.lines} if old is not None else {}
    texts = reading.data.decode("utf-8", "replace").splitlines()
    for line in reading.mapping.lines if reading.mapping is not None else ():
        was = before.get(line.id)
        if was is None or was.inverted is line.inverted or line.id in covered:
            continue
        now = "true" if line.inverted else "false"
        found = f"`{line.id}` with `inverted: {now}`, the opposite of what is in force"
        expected = "a test beside the file that expects something of this subscription"
        text = shown(texts[line.line_number - 1]) if line.line_number <= len(texts) else ""
        place = Place(line.line_number, 1)
        yield Problem(Code.TURNED_ROUND, reading.file, place, found, expected, text=text)


def moved(reading: FileReading, old: Mapping | None) -> Iterator[Problem]:
    """Yield a warning when the mapping now means other people's records under the same name."""
    if old is None or reading.mapping is None:
        return
    before, after = _home(old), _home(reading.mapping)
    for key, was in before.items():
        if after[key] != was:
            found = f"`{key}: {after[key]}`, while `{was}` is in force under the same name"
            expected = "another `name` for it: what is known of people belongs to where they were"
            yield Problem(Code.MOVED, reading.file, WHOLE_FILE, found, expected)


def _home(mapping: Mapping) -> dict[str, str]:
    return {
        "organization_id": mapping.organization_id,
        "entity_id": mapping.entity,
        "table_name": mapping.table,
        "user_unique_key": mapping.key_attribute,
    }


async def last_good(history: VersionHistory) -> dict[str, Mapping]:
    """Return the mappings that were last in force, by file; raise StoreError."""
    return {
        one.file: one.content
        for one in await history.versions_in_force()
        if one.content is not None
    }


def _same(kept: MappingVersion | None, new: MappingVersion) -> bool:
    if kept is None or kept.content is None or new.content is None:
        return kept is None and new.content is None
    return _identity(kept.content) == _identity(new.content)


def _identity(mapping: Mapping) -> tuple[str, str]:
    return mapping.version, mapping.file


def _not_stored(file: str, error: StoreError) -> Problem:
    found = f"a change that could not be stored: {error}"
    expected = "a version that the database keeps before it decides anything"
    return Problem(Code.NOT_STORED, file, WHOLE_FILE, found, expected)
