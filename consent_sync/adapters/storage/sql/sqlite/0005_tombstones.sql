-- Who was erased: keyed hashes of every spelling, and the proof that it was done. `cleared_at` is when
-- nothing was left of the person; a row whose `lifted_at` is set keeps nobody out.
CREATE TABLE tombstone (
    mark BLOB PRIMARY KEY,
    at INTEGER NOT NULL,
    cause TEXT NOT NULL,
    policy TEXT NOT NULL,
    lifted_at INTEGER,
    cleared_at INTEGER
) STRICT, WITHOUT ROWID;
