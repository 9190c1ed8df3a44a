-- Everything received, accepted (status 0) or refused (the HTTP status answered).
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    mapping TEXT NOT NULL,
    type TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    status INTEGER NOT NULL,
    problem TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;

CREATE INDEX event_source ON event (source, id);
CREATE INDEX event_refused ON event (source, id) WHERE status <> 0;

-- Which events were ever accepted: a hash of source, mapping and digest. Sixteen bytes and nothing
-- else, because this is the one index that grows with every event and is hit at random.
CREATE TABLE seen (
    key BLOB PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- The newest of them, in order of arrival; they move into the table above many at a time.
CREATE TABLE seen_log (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL
) STRICT;

-- Everybody ever named. `key` is a hash of mapping and person, short so that its index stays in
-- memory; `profile` is the same of mapping and Actito profile id, once that is known; `state` is
-- empty until the first turn; `record` is the newest ledger record.
CREATE TABLE person (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    mapping TEXT NOT NULL,
    person TEXT NOT NULL,
    profile BLOB,
    record INTEGER,
    held INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    optout_waiting_since INTEGER,
    state BLOB
) STRICT;

CREATE INDEX person_profile ON person (profile) WHERE profile IS NOT NULL;
CREATE INDEX person_optout ON person (optout_waiting_since) WHERE optout_waiting_since IS NOT NULL;

-- What waits for a turn, and only that: a row goes when its turn has taken it in.
-- `repeat_key` is set for events that count as duplicates only while an equal one waits.
CREATE TABLE item (
    id INTEGER PRIMARY KEY,
    event INTEGER NOT NULL,
    person INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    repeat_key BLOB
) STRICT;

CREATE INDEX item_person ON item (person);
CREATE INDEX item_event ON item (event);
CREATE INDEX item_repeat ON item (repeat_key) WHERE repeat_key IS NOT NULL;

-- Persons whose turn comes again at a moment; 0 is "at once". Nobody else has a row here.
CREATE TABLE lane (
    person INTEGER PRIMARY KEY,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    first_failed_at INTEGER
) STRICT;

CREATE INDEX lane_due ON lane (due_at);
CREATE INDEX lane_failing ON lane (person) WHERE attempts > 0;

-- Writes that were about to be sent, until their turn is settled.
CREATE TABLE intent (
    person INTEGER NOT NULL,
    id INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (person, id)
) STRICT, WITHOUT ROWID;

-- The append-only ledger. Each record names the one before it of the same person, so that a
-- person's timeline needs no index: the person's row names the newest.
CREATE TABLE ledger (
    id INTEGER PRIMARY KEY,
    person INTEGER NOT NULL,
    previous INTEGER,
    body BLOB NOT NULL
) STRICT;

-- Counts kept in the transactions that change them, so that looking at them costs nothing.
CREATE TABLE tally (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
