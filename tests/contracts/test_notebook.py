"""Every promise of the notebook is asked of the file and of the double."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from consent_sync.adapters.notebook import SqliteNotebook
from consent_sync.domain.errors import StoreError
from consent_sync.ports.notebook import Notebook
from tests.doubles.lists import MemoryNotebook

Again = Callable[[], Notebook]


@pytest.fixture(params=["memory", "file"])
def again(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Again]:
    """Open the notebook, each time as another process would."""
    opened: list[SqliteNotebook] = []
    memory = MemoryNotebook()

    def open_it() -> Notebook:
        if request.param == "memory":
            return memory
        opened.append(SqliteNotebook(tmp_path / "audit"))
        return opened[-1]

    yield open_it
    for one in opened:
        one.close()


async def test_an_empty_notebook_says_nothing(again: Again) -> None:
    """Nothing was noted, seen or found, and looking makes no file."""
    notebook = again()

    assert await notebook.read() is None
    assert list(await notebook.found(0, 10)) == []
    assert await notebook.unseen([b"ann"]) == {b"ann"}


async def test_what_was_noted_is_there_for_the_next_one(again: Again) -> None:
    """Progress, people and findings are kept together."""
    await again().note("page 1", seen=[b"ann"], found=[(b"ann", "differs")])
    await again().note("page 2", seen=[b"ben", b"ann"])
    later = again()

    assert await later.read() == "page 2"
    assert await later.unseen([b"ann", b"ben", b"cem"]) == {b"cem"}
    assert [text for _, text in await later.found(0, 10)] == ["differs"]


async def test_one_finding_per_person(again: Again) -> None:
    """Whoever is found again, because a page was read twice, stays found once."""
    notebook = again()
    await notebook.note("1", found=[(b"ann", "first"), (b"ben", "second")])
    await notebook.note("2", found=[(b"ann", "again")])
    [(number, text), *rest] = await notebook.found(0, 10)

    assert text == "first"
    assert [one for _, one in rest] == ["second"]
    assert [one for _, one in await notebook.found(number, 10)] == ["second"]


async def test_forgetting_begins_anew(again: Again) -> None:
    """After clearing it is as at the beginning, and can be used again."""
    notebook = again()
    await notebook.note("1", seen=[b"ann"], found=[(b"ann", "first")])
    await notebook.clear()
    empty = await notebook.read()
    await notebook.note("new")

    assert empty is None
    assert await notebook.unseen([b"ann"]) == {b"ann"}
    assert await again().read() == "new"


async def test_nobody_else_may_read_the_file(tmp_path: Path) -> None:
    """It names people, so it belongs to its owner alone."""
    path = tmp_path / "audit"
    await SqliteNotebook(path).note("1")

    assert path.stat().st_mode & 0o077 == 0


async def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The error names the file and no person."""
    notebook = SqliteNotebook(tmp_path / "missing" / "audit")

    with pytest.raises(StoreError, match="audit cannot be used"):
        await notebook.note("1")


async def test_a_call_that_was_cancelled_is_waited_for(tmp_path: Path) -> None:
    """Closing right after a cancelled call neither fails nor loses what it wrote."""
    notebook = SqliteNotebook(tmp_path / "audit")
    await notebook.note("1")
    for number in range(20):
        call = asyncio.create_task(notebook.note(str(number), seen=[bytes([number])] * 500))
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        notebook.close()

    assert await notebook.read() is not None
