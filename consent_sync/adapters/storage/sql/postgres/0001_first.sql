-- works with: 1

-- The present moment on the database's own clock, in microseconds since 1970 UTC: leases and due
-- moments are counted here, so that the clocks of the replicas do not matter.
CREATE FUNCTION consent_sync.now_micros() RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
AS 'SELECT (extract(epoch FROM statement_timestamp()) * 1000000)::bigint';

-- Numbers given before a row is written, so that a batch can tell its rows apart.
CREATE SEQUENCE consent_sync.event_id;
CREATE SEQUENCE consent_sync.item_id;

-- Texts of strangers are kept as bytes: PostgreSQL's own text cannot hold every character.

-- Everything received, accepted (status 0) or refused (the HTTP status answered). `key` is a hash of
-- source, mapping and digest, for events that are accepted once only.
CREATE TABLE consent_sync.event (
    id bigint PRIMARY KEY DEFAULT nextval('consent_sync.event_id'),
    received_at bigint NOT NULL,
    status integer NOT NULL DEFAULT 0,
    source text NOT NULL,
    mapping bytea NOT NULL,
    type bytea NOT NULL,
    problem bytea NOT NULL DEFAULT '',
    key bytea UNIQUE,
    body bytea NOT NULL
-- Bodies of the usual size stay where they are and as they are: packing them costs more than all
-- the rest of a row.
) WITH (toast_tuple_target = 8160);
ALTER TABLE consent_sync.event ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE INDEX event_source ON consent_sync.event (source, id);
CREATE INDEX event_refused ON consent_sync.event (source, id) WHERE status <> 0;

-- Keys of events that were accepted before everything moved here, without their events.
CREATE TABLE consent_sync.seen (
    key bytea PRIMARY KEY
);

-- How far a move into this database is: which rows of each part have arrived, and the sum of their
-- hashes. `source` tells what is moved, and `done` whether it has all arrived.
CREATE TABLE consent_sync.move (
    part text PRIMARY KEY,
    last text NOT NULL,
    rows bigint NOT NULL,
    digest bytea NOT NULL
);

-- Everybody ever named, by a hash of mapping and person. `profile` is the same of mapping and Actito
-- profile id, once that is known; `state` is empty until the first turn; `record` is the newest
-- ledger record; `turn` is the fence of the last turn that was settled.
CREATE TABLE consent_sync.person (
    key bytea PRIMARY KEY,
    id bigint GENERATED ALWAYS AS IDENTITY,
    record bigint,
    turn bigint,
    optout_waiting_since bigint,
    held integer NOT NULL DEFAULT 0,
    failed integer NOT NULL DEFAULT 0,
    mapping bytea NOT NULL,
    person bytea NOT NULL,
    profile bytea,
    state bytea
) WITH (fillfactor = 70, toast_tuple_target = 8160);
ALTER TABLE consent_sync.person ALTER COLUMN state SET STORAGE EXTERNAL;

CREATE UNIQUE INDEX person_id ON consent_sync.person (id);
CREATE INDEX person_profile ON consent_sync.person (profile) WHERE profile IS NOT NULL;
CREATE INDEX person_optout ON consent_sync.person (optout_waiting_since)
WHERE optout_waiting_since IS NOT NULL;

-- What waits for a turn, and only that: a row goes when its turn has taken it in.
-- `repeat_key` is set for events that count as duplicates only while an equal one waits.
CREATE TABLE consent_sync.item (
    id bigint PRIMARY KEY DEFAULT nextval('consent_sync.item_id'),
    event bigint NOT NULL,
    received_at bigint NOT NULL,
    person bytea NOT NULL,
    repeat_key bytea
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX item_person ON consent_sync.item (person, id);
CREATE INDEX item_event ON consent_sync.item (event);
CREATE INDEX item_repeat ON consent_sync.item (repeat_key) WHERE repeat_key IS NOT NULL;

-- A row per person with something to do. `next_at` is when it is due, or the end of the lease while
-- a turn has it: then `fence` is the number of that turn, `taken` the newest item it may hold and
-- `arrived` how many items came since. `pending` counts the items; `uneasy` asks for a look because
-- a turn that had lost its lease may have written. `place` keeps the order of arrival.
CREATE TABLE consent_sync.lane (
    person bytea PRIMARY KEY,
    next_at bigint NOT NULL,
    place bigint NOT NULL,
    fence bigint,
    taken bigint NOT NULL DEFAULT 0,
    first_failed_at bigint,
    pending integer NOT NULL DEFAULT 0,
    arrived integer NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    uneasy boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX lane_due ON consent_sync.lane (next_at, place);
CREATE INDEX lane_failing ON consent_sync.lane (person) WHERE attempts > 0;

-- Writes that were about to be sent, by which turn, until it is settled.
CREATE TABLE consent_sync.intent (
    person bytea NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    fence bigint NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (person, id)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);

-- The append-only ledger. Each record names the one before it of the same person, so that a
-- person's timeline needs no index. Numbers are not committed in their order when several replicas
-- write; `tx` is what a follower goes by, who must not miss one.
CREATE TABLE consent_sync.ledger (
    id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    tx bigint NOT NULL DEFAULT pg_current_xact_id()::text::bigint,
    previous bigint,
    person bytea NOT NULL,
    body bytea NOT NULL
) WITH (toast_tuple_target = 8160);
ALTER TABLE consent_sync.ledger ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE INDEX ledger_order ON consent_sync.ledger (tx, id);

-- Every version of every mapping that was ever put in force, whole; a row is written before its
-- version decides anything. `version` is empty where a mapping ended. `text` is the file as it
-- stood, `content` what was read from it, so that a later reader of files changes no history.
CREATE TABLE consent_sync.mapping_version (
    id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    at bigint NOT NULL,
    mapping text NOT NULL,
    version text NOT NULL,
    file text NOT NULL,
    difference bytea NOT NULL,
    content bytea NOT NULL,
    text bytea NOT NULL
);

CREATE INDEX mapping_version_of ON consent_sync.mapping_version (mapping, id);
CREATE INDEX mapping_version_hash ON consent_sync.mapping_version (mapping, version);

-- Random keys that all replicas share.
CREATE TABLE consent_sync.key (
    name text PRIMARY KEY,
    value bytea NOT NULL
);

-- Counts kept in the transactions that change them; a count is the sum over all slots. Each process
-- adds in a slot of its own, or all of them would wait for the one row.
CREATE TABLE consent_sync.tally (
    slot integer NOT NULL,
    name text NOT NULL,
    value bigint NOT NULL,
    PRIMARY KEY (slot, name)
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0);
