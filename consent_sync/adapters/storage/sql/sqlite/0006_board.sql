-- The board: what pieces of work note for each other and for their next start, by name. `version`
-- counts the writes, so that nobody overwrites what they have not seen.
CREATE TABLE notice (
    name TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT, WITHOUT ROWID;
