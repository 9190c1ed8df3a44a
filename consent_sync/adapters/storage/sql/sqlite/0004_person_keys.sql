-- By which number a person is found: `key` is a hash of mapping and person, short so that this
-- table stays in memory. It was an index of `person`, which changed a page for every new person.
CREATE TABLE person_key (
    key BLOB PRIMARY KEY,
    person INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO person_key (key, person) SELECT key, id FROM person ORDER BY key;

-- The newest persons, by their numbers; they move into the table above many at a time.
CREATE TABLE person_log (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL
) STRICT;

-- Everybody ever named, without the hash. `profile` is a hash of mapping and Actito profile id, once
-- that is known; `state` is empty until the first turn; `record` is the newest ledger record.
CREATE TABLE person_without_key (
    id INTEGER PRIMARY KEY,
    mapping TEXT NOT NULL,
    person TEXT NOT NULL,
    profile BLOB,
    record INTEGER,
    held INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    optout_waiting_since INTEGER,
    state BLOB
) STRICT;

INSERT INTO person_without_key
SELECT id, mapping, person, profile, record, held, failed, optout_waiting_since, state
FROM person ORDER BY id;

DROP TABLE person;
ALTER TABLE person_without_key RENAME TO person;

CREATE INDEX person_profile ON person (profile) WHERE profile IS NOT NULL;
CREATE INDEX person_optout ON person (optout_waiting_since) WHERE optout_waiting_since IS NOT NULL;
