-- works with: 2

-- Who was erased: keyed hashes of every spelling, and the proof that it was done. `cleared_at` is when
-- nothing was left of the person; a row whose `lifted_at` is set keeps nobody out. An older program
-- would let the erased back in, so none works with this.
CREATE TABLE consent_sync.tombstone (
    mark bytea PRIMARY KEY,
    at bigint NOT NULL,
    cause text NOT NULL,
    policy text NOT NULL,
    lifted_at bigint,
    cleared_at bigint
);
