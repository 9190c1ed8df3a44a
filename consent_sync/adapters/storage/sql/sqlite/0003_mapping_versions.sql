-- Every version of every mapping that was ever put in force, whole; a row is written before its
-- version decides anything. `version` is empty where a mapping ended. `text` is the file as it
-- stood, `content` what was read from it, so that a later reader of files changes no history.
CREATE TABLE mapping_version (
    id INTEGER PRIMARY KEY,
    mapping TEXT NOT NULL,
    version TEXT NOT NULL,
    file TEXT NOT NULL,
    at INTEGER NOT NULL,
    difference BLOB NOT NULL,
    content BLOB NOT NULL,
    text BLOB NOT NULL
) STRICT;

CREATE INDEX mapping_version_of ON mapping_version (mapping, id);
CREATE INDEX mapping_version_hash ON mapping_version (mapping, version);
