-- works with: 2

-- The board: what pieces of work note for each other and for their next start, by name. `version`
-- counts the writes, so that nobody overwrites what they have not seen; 0 = nothing written yet.
-- `holder` is the replica that does this work for all until `held_until`, on the database's clock.
CREATE TABLE consent_sync.notice (
    name text PRIMARY KEY,
    version bigint NOT NULL DEFAULT 0,
    body bytea NOT NULL DEFAULT '',
    holder text,
    held_until bigint
);
