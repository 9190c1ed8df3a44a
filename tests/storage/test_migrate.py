"""Bringing a database to the layout that the program knows."""

from pathlib import Path

import apsw
import pytest

from consent_sync.adapters.storage.migrate import migrate
from consent_sync.adapters.storage.statements import migrations, queries
from consent_sync.domain.identity import unresolved_person

FIRST = (1, "CREATE TABLE a (x); CREATE TABLE b (x);")
SECOND = (2, "ALTER TABLE a ADD COLUMN y;")
BROKEN = (2, "CREATE TABLE c (x); INSERT INTO nowhere VALUES (1);")


def layout(connection: apsw.Connection) -> object:
    return connection.execute("PRAGMA user_version").get


def tables(connection: apsw.Connection) -> set[object]:
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_schema").fetchall()}


def test_only_what_is_missing_is_run(tmp_path: Path) -> None:
    """A database goes on from its own layout, and a second run does nothing."""
    connection = apsw.Connection(":memory:")
    migrate(connection, tmp_path, [FIRST])
    migrate(connection, tmp_path, [FIRST, SECOND])
    migrate(connection, tmp_path, [FIRST, SECOND])

    assert layout(connection) == 2
    assert tables(connection) == {"a", "b"}


def test_a_step_is_done_whole_or_not_at_all(tmp_path: Path) -> None:
    """A file that fails leaves the layout of the one before it."""
    connection = apsw.Connection(":memory:")

    with pytest.raises(apsw.SQLError, match="nowhere"):
        migrate(connection, tmp_path, [FIRST, BROKEN])

    assert layout(connection) == 1
    assert tables(connection) == {"a", "b"}


def test_the_files_are_numbered_without_gaps() -> None:
    """Numbers start at one and leave none out."""
    numbers = [number for number, _ in migrations()]

    assert numbers == list(range(1, len(numbers) + 1))


def test_a_count_of_people_with_stand_ins_is_put_right(tmp_path: Path) -> None:
    """The first version counted profile numbers that stand for somebody who has to be found."""
    connection = apsw.Connection(":memory:")
    files = migrations()
    migrate(connection, tmp_path, files[:1])
    persons = enumerate(["ann@example.com", unresolved_person("1042"), "bo@example.com"])
    for number, person in persons:
        row = (number, str(number).encode(), "main", person)
        connection.execute("INSERT INTO person (id, key, mapping, person) VALUES (?, ?, ?, ?)", row)
    connection.execute("INSERT INTO tally (name, value) VALUES ('persons', 3)")
    migrate(connection, tmp_path, files)

    assert connection.execute("SELECT value FROM tally WHERE name = 'persons'").get == 2


def test_people_of_an_older_layout_are_found_and_keep_what_is_known(tmp_path: Path) -> None:
    """The hash that finds a person moves to a table of its own; the rest of the row stays."""
    connection = apsw.Connection(":memory:")
    files = migrations()
    migrate(connection, tmp_path, files[:3])
    row = (7, b"k" * 16, "main", "ann@example.com", b"p" * 16, 3, b"state")
    connection.execute(
        "INSERT INTO person (id, key, mapping, person, profile, record, state)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        row,
    )
    migrate(connection, tmp_path, files)
    number = connection.execute(queries()["person_id"], (b"k" * 16,)).get
    kept = connection.execute(
        "SELECT mapping, person, profile, record, state FROM person"
    ).fetchall()

    assert number == 7
    assert kept == [("main", "ann@example.com", b"p" * 16, 3, b"state")]


# What reads a table from one end and stops after a page.
MAY_SCAN = {
    "count_failing",  # over an index of those that fail only
    "accepted_events",
    "announced_persons",
    "digest_log",
    "last_numbers",
    "oldest_optout",
    "oldest_waiting",
    "person_id",  # over the log of the newest persons, whose length is bounded
    "person_log",
    "recent_records",
    "remove_logged_person",  # over that log, once per erased person
    "states_of_persons",  # over the same log, and over what was found
    "tallies",
    "tombstones",  # there are as many as people were erased; all are asked for
    "tombstones_in_force",
    "versions",
    "versions_in_force",
    "waiting_page",
}


@pytest.mark.parametrize("name", sorted(queries()))
def test_no_query_reads_a_whole_table(name: str, tmp_path: Path) -> None:
    """Every query finds its rows through a key, so that its cost does not follow the backlog."""
    connection = apsw.Connection(":memory:")
    migrate(connection, tmp_path, migrations())
    sql = queries()[name]
    plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}", (None,) * sql.count("?")).fetchall()
    steps = [str(row[3]) for row in plan]
    scans = [
        step
        for step in steps
        if step.startswith("SCAN")
        and not any(word in step for word in ("json_each", "wanted", "VALUES", "CONSTANT", "chain"))
        and step not in {"SCAN ended", "SCAN seen", "SCAN item USING COVERING INDEX item_repeat"}
    ]

    assert scans == [] or name in MAY_SCAN, steps


def test_dead_letters_are_found_through_an_index_of_their_own(tmp_path: Path) -> None:
    """What it costs to list them follows their number, and not that of the people."""
    connection = apsw.Connection(":memory:")
    migrate(connection, tmp_path, migrations())
    sql = queries()["failed_page"]
    plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}", (0, 1)).fetchall()

    assert "person_failed" in str(plan[0][3])
