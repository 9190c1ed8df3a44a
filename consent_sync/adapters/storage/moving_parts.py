"""What moves from SQLite to PostgreSQL: for each part how it is read, and as which columns it goes."""

from typing import Final, NamedTuple


class Part(NamedTuple):
    """Rows of one table, read in the order of their first column, which does not go along.

    `begin` is below every value of that column. `fields` are the columns in PostgreSQL, each with
    its type there.
    """

    name: str
    table: str
    fields: str
    source: str
    begin: int | str | bytes

    @property
    def columns(self) -> list[str]:
        """Return the names of the columns."""
        return [field.split()[0] for field in self.fields.split(", ")]

    @property
    def types(self) -> list[str]:
        """Return their types."""
        return [field.split()[1] for field in self.fields.split(", ")]


# `person_key` is a function that the move gives to SQLite: the hash a person is found by.
PARTS: Final = (
    Part(
        "events",
        "event",
        "id int8, source text, mapping bytea, type bytea, received_at int8, status int4, "
        "problem bytea, body bytea",
        "SELECT id, id, source, CAST(mapping AS BLOB), CAST(type AS BLOB), received_at, status,"
        " CAST(problem AS BLOB), body FROM event WHERE id > ? ORDER BY id LIMIT ?",
        0,
    ),
    Part(
        "seen",
        "seen",
        "key bytea",
        "SELECT key, key FROM seen WHERE key > ? ORDER BY key LIMIT ?",
        b"",
    ),
    Part(
        "seen lately",
        "seen",
        "key bytea",
        "SELECT id, key FROM seen_log WHERE id > ?"
        " AND NOT EXISTS (SELECT 1 FROM seen WHERE seen.key = seen_log.key) ORDER BY id LIMIT ?",
        0,
    ),
    Part(
        "persons",
        "person",
        "key bytea, id int8, mapping bytea, person bytea, profile bytea, record int8, "
        "held int4, failed int4, optout_waiting_since int8, state bytea",
        "SELECT id, person_key(mapping, person), id, CAST(mapping AS BLOB), CAST(person AS BLOB),"
        " profile, record, held, failed, optout_waiting_since, state"
        " FROM person WHERE id > ? ORDER BY id LIMIT ?",
        0,
    ),
    Part(
        "people without a name",
        "faded",
        "key bytea, done int4",
        "SELECT id, person_key(mapping, person), 1 FROM person"
        " WHERE person >= char(0) || 'faded:' AND person < char(0) || 'faded;'"
        " AND id > ? ORDER BY id LIMIT ?",
        0,
    ),
    Part(
        "ledger",
        "ledger",
        "id int8, tx int8, previous int8, person bytea, body bytea",
        "SELECT ledger.id, ledger.id, 0, ledger.previous,"
        " person_key(person.mapping, person.person), ledger.body"
        " FROM ledger JOIN person ON person.id = ledger.person"
        " WHERE ledger.id > ? ORDER BY ledger.id LIMIT ?",
        0,
    ),
    Part(
        "mapping versions",
        "mapping_version",
        "id int8, at int8, mapping text, version text, file text, difference bytea, "
        "content bytea, text bytea",
        "SELECT id, id, at, mapping, version, file, difference, content, text"
        " FROM mapping_version WHERE id > ? ORDER BY id LIMIT ?",
        0,
    ),
    Part(
        "tombstones",
        "tombstone",
        "mark bytea, at int8, cause text, policy text, lifted_at int8, cleared_at int8",
        "SELECT hex(mark), mark, at, cause, policy, lifted_at, cleared_at"
        " FROM tombstone WHERE hex(mark) > ? ORDER BY hex(mark) LIMIT ?",
        "",
    ),
    Part(
        "notices",
        "notice",
        "name text, version int8, body bytea",
        "SELECT name, name, version, body FROM notice WHERE name > ? ORDER BY name LIMIT ?",
        "",
    ),
    Part(
        "items",
        "item",
        "id int8, event int8, received_at int8, person bytea, repeat_key bytea",
        "SELECT item.id, item.id, item.event, item.received_at,"
        " person_key(person.mapping, person.person), item.repeat_key"
        " FROM item JOIN person ON person.id = item.person"
        " WHERE item.id > ? ORDER BY item.id LIMIT ?",
        0,
    ),
    Part(
        "announced writes",
        "intent",
        "person bytea, id int8, fence int8, body bytea",
        "SELECT intent.id, person_key(person.mapping, person.person), intent.id, 0, intent.body"
        " FROM intent JOIN person ON person.id = intent.person"
        " WHERE intent.id > ? ORDER BY intent.id LIMIT ?",
        0,
    ),
    Part(
        "turns",
        "lane",
        "person bytea, next_at int8, place int8, pending int4, attempts int4, "
        "first_failed_at int8, urgency int2",
        # Whoever has announced something is looked at first, as after every start.
        "SELECT person.id, person_key(person.mapping, person.person),"
        " iif(EXISTS (SELECT 1 FROM intent WHERE intent.person = person.id), 0,"
        "  coalesce(lane.due_at, 0)),"
        " coalesce((SELECT min(item.id) FROM item WHERE item.person = person.id), 0),"
        " (SELECT count(*) FROM item WHERE item.person = person.id),"
        " coalesce(lane.attempts, 0), lane.first_failed_at,"
        " coalesce((SELECT min(item.urgency) FROM item WHERE item.person = person.id), 0)"
        " FROM person LEFT JOIN lane ON lane.person = person.id"
        " WHERE person.id > ? AND (lane.person IS NOT NULL"
        "  OR EXISTS (SELECT 1 FROM item WHERE item.person = person.id)"
        "  OR EXISTS (SELECT 1 FROM intent WHERE intent.person = person.id))"
        " ORDER BY person.id LIMIT ?",
        0,
    ),
    Part(
        "counts",
        "tally",
        "slot int4, name text, value int8",
        "SELECT name, 0, name, value FROM tally WHERE name > ? AND (name LIKE 'events:%'"
        " OR name LIKE 'refused:%' OR name IN ('persons', 'waiting', 'held', 'failed'))"
        " ORDER BY name LIMIT ?",
        "",
    ),
)
