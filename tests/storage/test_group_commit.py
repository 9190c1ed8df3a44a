"""The writer thread: what shares a commit, what fails alone, and when it says no."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager

import pytest

from consent_sync.adapters.storage.group_commit import (
    EnvironmentStoreError,
    GroupCommit,
    Work,
)
from consent_sync.domain.errors import StoreError


class Notebook:
    """Transactions over a list, with faults on demand."""

    def __init__(self) -> None:
        self.pages: list[list[str]] = []
        self.draft: list[str] = []
        self.full = False
        self.left = False

    def begin(self) -> None:
        if self.full:
            raise EnvironmentStoreError("the disk is full")

    @contextmanager
    def explained(self) -> Iterator[None]:
        yield

    def commit(self) -> None:
        self.pages.append(self.draft)
        self.draft = []

    def rollback(self) -> None:
        self.draft = []

    def tend(self, *, idle: bool) -> None:
        pass

    def leave(self) -> None:
        self.left = True

    def note(self, words: Sequence[str]) -> list[str]:
        for word in words:
            if word == "impossible":
                raise ValueError("no such word")
            if word == "bug":
                raise RuntimeError("nobody thought of this")
        self.draft += words
        return [word.upper() for word in words]


def work(notebook: Notebook, word: str, size: int = 1) -> Work[str, str]:
    return Work(notebook.note, word, size)


@pytest.fixture
def notebook() -> Notebook:
    return Notebook()


@pytest.fixture
async def commits(notebook: Notebook) -> AsyncIterator[GroupCommit]:
    commits = GroupCommit(
        notebook, [notebook.note], batch_jobs=8, queue_jobs=20, queue_bytes=100, idle_seconds=0.02
    )
    commits.start()
    yield commits
    await commits.stop()


async def test_concurrent_work_shares_a_commit(notebook: Notebook, commits: GroupCommit) -> None:
    """What is gathered in one round of the event loop is written in one transaction."""
    answers = await asyncio.gather(*(commits.submit(work(notebook, w)) for w in "abc"))

    assert (answers, notebook.pages) == (["A", "B", "C"], [["a", "b", "c"]])


async def test_a_batch_has_a_bound(notebook: Notebook, commits: GroupCommit) -> None:
    """No transaction grows beyond the bound, however much is waiting."""
    await asyncio.gather(*(commits.submit(work(notebook, str(n))) for n in range(20)))

    assert [len(page) for page in notebook.pages] == [8, 8, 4]


async def test_one_impossible_piece_of_work_fails_alone(
    notebook: Notebook, commits: GroupCommit
) -> None:
    """The others of its batch are written all the same."""
    answers = await asyncio.gather(
        *(commits.submit(work(notebook, w)) for w in ("a", "impossible", "b")),
        return_exceptions=True,
    )

    assert (answers[0], str(answers[1]), answers[2]) == (
        "A",
        "it cannot be stored: no such word",
        "B",
    )
    assert isinstance(answers[1], StoreError)
    assert notebook.pages == [["a"], ["b"]]


async def test_a_full_disk_fails_everybody_until_there_is_room(
    notebook: Notebook, commits: GroupCommit
) -> None:
    """Nothing has to be restarted afterwards."""
    notebook.full = True
    failed = await asyncio.gather(
        *(commits.submit(work(notebook, w)) for w in "ab"), return_exceptions=True
    )
    notebook.full = False

    assert [str(error) for error in failed] == ["the disk is full"] * 2
    assert await commits.submit(work(notebook, "c")) == "C"
    assert notebook.pages == [["c"]]


async def test_a_queue_with_too_many_calls_says_no_at_once(
    notebook: Notebook, commits: GroupCommit
) -> None:
    """The caller learns it without waiting, and later calls work again."""
    waiting = [commits.submit(work(notebook, str(n))) for n in range(20)]
    with pytest.raises(StoreError, match="cannot keep up"):
        commits.submit(work(notebook, "one more"))
    await asyncio.gather(*waiting)

    assert await commits.submit(work(notebook, "later")) == "LATER"


async def test_a_queue_with_too_many_bytes_says_no_at_once(
    notebook: Notebook, commits: GroupCommit
) -> None:
    """Few large bodies fill it as well as many small ones."""
    waiting = commits.submit(work(notebook, "large", size=100))
    with pytest.raises(StoreError, match="cannot keep up"):
        commits.submit(work(notebook, "small", size=1))
    await waiting

    assert await commits.submit(work(notebook, "small")) == "SMALL"


async def test_stopping_writes_what_is_queued(notebook: Notebook, commits: GroupCommit) -> None:
    """Whatever was taken in before is answered."""
    waiting = [commits.submit(work(notebook, w)) for w in "ab"]
    await commits.stop()

    assert await asyncio.gather(*waiting) == ["A", "B"]
    assert notebook.left


async def test_nothing_is_taken_in_after_stopping(notebook: Notebook, commits: GroupCommit) -> None:
    """A stopped writer says so."""
    await commits.stop()

    with pytest.raises(StoreError, match="not open"):
        commits.submit(work(notebook, "late"))


async def test_work_is_finished_when_nobody_waits_for_it(
    notebook: Notebook, commits: GroupCommit
) -> None:
    """A caller that gave up leaves no half-done bookkeeping."""
    finished: list[str] = []
    future = commits.submit(Work(notebook.note, "a", 1, finished.append))
    future.cancel()
    await commits.submit(work(notebook, "b"))

    assert finished == ["A"]


async def test_failed_work_tells_its_owner(notebook: Notebook, commits: GroupCommit) -> None:
    """`failed` is called, `done` is not."""
    told: list[str] = []
    future = commits.submit(
        Work(notebook.note, "impossible", 1, told.append, lambda: told.append("failed"))
    )
    with pytest.raises(StoreError):
        await future

    assert told == ["failed"]


async def test_a_writer_that_breaks_down_answers_everybody(
    notebook: Notebook, commits: GroupCommit
) -> None:
    """An error nobody foresaw ends the writer, and no caller waits for ever."""
    waiting = [commits.submit(work(notebook, w)) for w in ("a", "bug", "b")]
    answers = await asyncio.gather(*waiting, return_exceptions=True)

    assert [str(answer) for answer in answers] == ["the store is closed"] * 3
    with pytest.raises(StoreError, match="not open"):
        commits.submit(work(notebook, "c"))
