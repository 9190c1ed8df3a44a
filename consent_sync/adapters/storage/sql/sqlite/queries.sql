-- Every query has a name and a sentence. Where a list of values belongs, `json_each(?)` takes it as
-- JSON; `VALUES (?, ...)` is repeated for as many rows as there are. So one statement does the work
-- of a whole batch, because each statement costs the writer a change of hands with the event loop.
-- `OR ROLLBACK`, because a failed batch is undone whole: SQLite then keeps no copy of every page for
-- undoing the statement alone.

-- name: insert_events
-- Keep what was received.
INSERT OR ROLLBACK INTO event (id, source, mapping, type, received_at, status, problem, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: known_digests
-- Which of these events were accepted before.
SELECT json_group_object(value, 0) FROM json_each(?)
WHERE EXISTS (SELECT 1 FROM seen WHERE key = unhex(value));

-- name: digest_log
-- The newest accepted events.
SELECT id, key FROM seen_log ORDER BY id;

-- name: log_digests
-- Remember that events were accepted.
INSERT OR ROLLBACK INTO seen_log (id, key) VALUES (?, ?);

-- name: keep_digests
-- Move accepted events from the log to the table; some may have moved before a restart.
INSERT OR IGNORE INTO seen (key) VALUES (?);

-- name: forget_digests
-- What has moved leaves the log, some at a time.
DELETE FROM seen_log
WHERE id IN (SELECT id FROM seen_log WHERE id <= ? ORDER BY id LIMIT ?);

-- name: accept_refused
-- A refused request becomes an accepted event.
UPDATE OR ROLLBACK event SET status = 0, problem = '' WHERE id = ?;

-- name: event_head
-- What a replay must know of an event.
SELECT source, status FROM event WHERE id = ?;

-- name: find_persons
-- The numbers of persons, by the hashes of mapping and person.
SELECT json_group_object(wanted.value, person_key.person)
FROM json_each(?) AS wanted CROSS JOIN person_key ON person_key.key = unhex(wanted.value);

-- name: insert_persons
-- Make rows for those who are named for the first time.
INSERT OR ROLLBACK INTO person (id, mapping, person) VALUES (?, ?, ?);

-- name: person_log
-- The newest persons.
SELECT id, key FROM person_log ORDER BY id;

-- name: log_persons
-- Remember by which hashes persons are found.
INSERT OR ROLLBACK INTO person_log (id, key) VALUES (?, ?);

-- name: keep_persons
-- Move hashes of persons from the log to the table; some may have moved before a restart.
INSERT OR IGNORE INTO person_key (key, person) VALUES (?, ?);

-- name: forget_persons
-- What has moved leaves the log, some at a time.
DELETE FROM person_log
WHERE id IN (SELECT id FROM person_log WHERE id <= ? ORDER BY id LIMIT ?);

-- name: update_states
-- Keep what turns have learnt so far about persons.
UPDATE OR ROLLBACK person
SET state = seen.column2, record = seen.column3
FROM (VALUES (?, ?, ?)) AS seen
WHERE person.id = seen.column1;

-- name: update_persons
-- Keep what turns concluded about persons.
UPDATE OR ROLLBACK person
SET state = ended.column2, record = ended.column3, held = ended.column4, failed = ended.column5
FROM (VALUES (?, ?, ?, ?, ?)) AS ended
WHERE person.id = ended.column1;

-- name: set_optouts
-- Apart from the rest because naming the column touches its index, changed or not.
UPDATE OR ROLLBACK person SET optout_waiting_since = ended.column2
FROM (VALUES (?, ?)) AS ended
WHERE person.id = ended.column1;

-- name: set_profiles
-- Apart for the same reason.
UPDATE OR ROLLBACK person SET profile = ended.column2
FROM (VALUES (?, ?)) AS ended
WHERE person.id = ended.column1;

-- name: insert_items
-- Let events wait for persons' turns.
INSERT OR ROLLBACK INTO item (id, event, person, received_at, repeat_key, urgency)
VALUES (?, ?, ?, ?, ?, ?);

-- name: newest_items
-- The newest item that waits for each of these persons, null where none does.
SELECT json_group_object(value, (SELECT max(id) FROM item WHERE person = value))
FROM json_each(?);

-- name: count_waiting
-- How many of these persons have something waiting.
SELECT count(*) FROM json_each(?) WHERE EXISTS (SELECT 1 FROM item WHERE person = value);

-- name: equal_items
-- Waiting items of events equal to these.
SELECT json_group_array(json_array(wanted.value, item.person, item.id))
FROM json_each(?) AS wanted CROSS JOIN item ON item.repeat_key = unhex(wanted.value);

-- name: same_event_waits
-- Whether this very event already waits for this person.
SELECT 1 FROM item WHERE event = ? AND person = ? LIMIT 1;

-- name: delete_items
-- Items were taken in by their persons' turns.
DELETE FROM item WHERE id IN (SELECT value FROM json_each(?));

-- name: move_item
-- An item belongs to another person; it gets a new number because it waits anew.
UPDATE OR ROLLBACK item SET id = ?, person = ? WHERE id = ?;

-- name: urgency_of_item
-- How urgent an item is.
SELECT urgency FROM item WHERE id = ?;

-- name: event_of_item
-- What an item is about.
SELECT event FROM item WHERE id = ?;

-- name: hurry_lanes
-- Something new arrived: turns that wait for their moment are due at once.
UPDATE OR ROLLBACK lane SET due_at = 0 WHERE due_at > 0 AND person IN (SELECT value FROM json_each(?));

-- name: hurry_waiting
-- Turns that failed or wait come at once, those with a refusal that waits before all others.
UPDATE OR ROLLBACK lane
SET due_at = iif(
    (SELECT optout_waiting_since FROM person WHERE person.id = lane.person) IS NULL, 2, 1
)
WHERE person IN (
    SELECT person FROM lane
    WHERE due_at > 2 AND first_failed_at IS NOT NULL
    ORDER BY due_at
    LIMIT ?
);

-- name: count_lanes
-- How many of these persons have a lane.
SELECT count(*) FROM json_each(?) WHERE EXISTS (SELECT 1 FROM lane WHERE person = value);

-- name: replace_lanes
-- Set when turns come again.
INSERT OR REPLACE INTO lane (person, due_at, attempts, first_failed_at) VALUES (?, ?, ?, ?);

-- name: count_failing
-- How many persons' turns come again because they failed, not to look whether a write took.
SELECT count(*) FROM lane INDEXED BY lane_failing WHERE attempts > 0;

-- name: delete_lanes
-- These turns need not come again by themselves.
DELETE FROM lane WHERE person IN (SELECT value FROM json_each(?));

-- name: insert_intents
-- Remember writes that are about to be sent.
INSERT OR ROLLBACK INTO intent (person, id, body) VALUES (?, ?, ?);

-- name: delete_intents
-- The turns were settled: what was announced is in the ledger now.
DELETE FROM intent WHERE person IN (SELECT value FROM json_each(?));

-- name: insert_records
-- Append to the ledger.
INSERT OR ROLLBACK INTO ledger (id, person, previous, body) VALUES (?, ?, ?, ?);

-- name: set_tallies
-- Keep counts.
INSERT OR REPLACE INTO tally (name, value) VALUES (?, ?);

-- name: tallies
-- All counts.
SELECT name, value FROM tally;

-- name: last_numbers
-- The highest numbers in use, to go on from.
SELECT
    (SELECT coalesce(max(id), 0) FROM event),
    (SELECT coalesce(max(id), 0) FROM person),
    (SELECT coalesce(max(id), 0) FROM item),
    (SELECT coalesce(max(id), 0) FROM intent),
    (SELECT coalesce(max(id), 0) FROM ledger);

-- name: waiting_page
-- The next waiting items in order of arrival, and when their person's turn comes again.
SELECT item.id, item.person, item.urgency, lane.due_at
FROM item LEFT JOIN lane ON lane.person = item.person
WHERE item.id > ?
ORDER BY item.id
LIMIT ?;

-- name: waiting_optouts_page
-- The same, only of those that may be opt-outs.
SELECT item.id, item.person, item.urgency, lane.due_at
FROM item INDEXED BY item_optout LEFT JOIN lane ON lane.person = item.person
WHERE item.urgency = 0 AND item.id > ?
ORDER BY item.id
LIMIT ?;

-- name: due_lanes
-- Persons whose turn comes again now.
SELECT lane.person, person.optout_waiting_since IS NOT NULL, lane.attempts
FROM lane LEFT JOIN person ON person.id = lane.person
WHERE lane.due_at <= ?
ORDER BY lane.due_at, lane.person
LIMIT ?;

-- name: next_due
-- The next moment at which a turn comes again.
SELECT due_at FROM lane WHERE due_at > ? ORDER BY due_at LIMIT 1;

-- name: announced_persons
-- Persons with writes that were announced and never settled.
SELECT DISTINCT person FROM intent;

-- name: turn_heads
-- What turns start from: the persons and their lanes.
SELECT
    person.id, person.mapping, person.person, person.state,
    person.record, person.held, person.failed, person.optout_waiting_since, person.profile,
    lane.due_at, lane.attempts, lane.first_failed_at
FROM json_each(?) AS wanted
CROSS JOIN person ON person.id = wanted.value
LEFT JOIN lane ON lane.person = person.id;

-- name: turns_items
-- What waits for these persons, each one's oldest first and up to a limit.
SELECT
    item.person,
    item.id, item.received_at, event.id, event.source, event.mapping, event.type, event.body
FROM json_each(?) AS wanted
CROSS JOIN item ON item.id IN (
    SELECT own.id FROM item AS own WHERE own.person = wanted.value ORDER BY own.id LIMIT ?
)
CROSS JOIN event ON event.id = item.event
ORDER BY item.id;

-- name: person_id
-- Find a person by the hash of mapping and person. The log is short and has no order to look by.
WITH wanted (key) AS (VALUES (?))
SELECT person_key.person FROM wanted CROSS JOIN person_key ON person_key.key = wanted.key
UNION ALL
SELECT person_log.id FROM wanted CROSS JOIN person_log ON person_log.key = wanted.key
LIMIT 1;

-- name: newest_item
-- The newest item that waits for a person.
SELECT max(id) FROM item WHERE person = ?;

-- name: items_of_person
-- What waits for one person, oldest first.
SELECT
    item.id, item.received_at, event.id, event.source, event.mapping, event.type, event.body
FROM item JOIN event ON event.id = item.event
WHERE item.person = ?
ORDER BY item.id;

-- name: turn_intents
-- What was announced for one person.
SELECT body FROM intent WHERE person = ? ORDER BY id;

-- name: person_state
-- What is known about a person.
SELECT state FROM person WHERE id = ?;

-- name: states_of_persons
-- What is known about many persons, by the hashes of mapping and person.
WITH
wanted (name, key) AS MATERIALIZED (SELECT value, unhex(value) FROM json_each(?)),
found (name, person) AS (
    SELECT wanted.name, person_key.person
    FROM wanted CROSS JOIN person_key ON person_key.key = wanted.key
    UNION
    SELECT wanted.name, person_log.id
    FROM person_log CROSS JOIN wanted ON wanted.key = person_log.key
)
SELECT found.name, person.state
FROM found CROSS JOIN person ON person.id = found.person
WHERE person.state IS NOT NULL;

-- name: people_page
-- The next persons with a state; the key of a stand-in starts with a zero byte.
SELECT id, mapping, person, state FROM person
WHERE id > ? AND state IS NOT NULL AND person >= char(1)
ORDER BY id
LIMIT ?;

-- name: failed_page
-- The next persons of whom something was given up; `person_failed` holds no others.
SELECT id, mapping, person, state FROM person
WHERE failed > 0 AND id > ? AND state IS NOT NULL AND person >= char(1)
ORDER BY id
LIMIT ?;

-- name: person_of_profile
-- Who has this profile.
SELECT person FROM person WHERE profile = ? ORDER BY id DESC LIMIT 1;

-- name: timeline
-- The newest ledger records of a person, newest first, along the chain of records.
WITH RECURSIVE chain (id, previous, body) AS (
    SELECT ledger.id, ledger.previous, ledger.body
    FROM person JOIN ledger ON ledger.id = person.record
    WHERE person.id = ?
    UNION ALL
    SELECT ledger.id, ledger.previous, ledger.body
    FROM chain JOIN ledger ON ledger.id = chain.previous
    LIMIT ?
)
SELECT body FROM chain;

-- name: recent_records
-- Ledger records of everybody, oldest first, for following along.
SELECT ledger.id, person.mapping, person.person, ledger.body
FROM ledger JOIN person ON person.id = ledger.person
WHERE ledger.id > ?
ORDER BY ledger.id
LIMIT ?;

-- name: event_by_number
-- One event or refused request.
SELECT
    id, source, mapping, type, received_at, body, status, problem,
    EXISTS (SELECT 1 FROM item WHERE item.event = event.id)
FROM event
WHERE id = ?;

-- name: accepted_events
-- Accepted events of any source, newest first.
SELECT
    id, source, mapping, type, received_at, body, status, problem,
    EXISTS (SELECT 1 FROM item WHERE item.event = event.id)
FROM event
WHERE status = 0 AND id < ?
ORDER BY id DESC
LIMIT ?;

-- name: accepted_events_of_source
-- Accepted events of one source, newest first.
SELECT
    id, source, mapping, type, received_at, body, status, problem,
    EXISTS (SELECT 1 FROM item WHERE item.event = event.id)
FROM event INDEXED BY event_source
WHERE source = ?1 AND status = 0 AND id < ?2
ORDER BY id DESC
LIMIT ?3;

-- name: refused_events
-- Refused requests of one source, newest first.
SELECT id, source, mapping, type, received_at, body, status, problem, 0
FROM event INDEXED BY event_refused
WHERE source = ? AND status <> 0 AND id < ?
ORDER BY id DESC
LIMIT ?;

-- name: oldest_waiting
-- When the item arrived that has waited longest; items moved or replayed stand at the end.
SELECT received_at FROM item ORDER BY id LIMIT 1;

-- name: oldest_optout
-- Since when the oldest unfinished opt-out waits.
SELECT min(optout_waiting_since) FROM person WHERE optout_waiting_since IS NOT NULL;

-- name: insert_version
-- A mapping is about to count as this file says.
INSERT OR ROLLBACK INTO mapping_version (mapping, version, file, at, difference, content, text)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: versions_in_force
-- The newest version of each mapping; a mapping that ended has an empty one.
SELECT id, mapping, version, file, at, difference, content, text
FROM mapping_version
WHERE id IN (SELECT max(id) FROM mapping_version GROUP BY mapping)
ORDER BY mapping;

-- name: versions
-- The versions of all mappings, newest first, without their texts.
SELECT id, mapping, version, file, at, difference, content, x''
FROM mapping_version
WHERE id < ?
ORDER BY id DESC
LIMIT ?;

-- name: versions_of
-- The versions of one mapping, newest first, without their texts.
SELECT id, mapping, version, file, at, difference, content, x''
FROM mapping_version
WHERE mapping = ? AND id < ?
ORDER BY id DESC
LIMIT ?;

-- name: version_by_hash
-- A version of a mapping by the hash that decisions name; the newest row where it came back.
SELECT id, mapping, version, file, at, difference, content, text
FROM mapping_version INDEXED BY mapping_version_hash
WHERE mapping = ? AND version = ?
ORDER BY id DESC
LIMIT 1;

-- name: version_by_number
-- A version by its number.
SELECT id, mapping, version, file, at, difference, content, text
FROM mapping_version
WHERE id = ?;

-- name: accepted_after
-- Accepted events of any source in the order of their arrival.
SELECT id, source, mapping, type, received_at, body, status, problem, 0
FROM event
WHERE status = 0 AND id > ?
ORDER BY id
LIMIT ?;

-- name: moment_after
-- The next event and when it was received, for finding a moment among them.
SELECT id, received_at FROM event WHERE id >= ? ORDER BY id LIMIT 1;

-- name: events_by_numbers
-- These events, in the order of their arrival.
SELECT event.id, source, mapping, event.type, received_at, body, status, problem, 0
FROM json_each(?) AS wanted CROSS JOIN event ON event.id = wanted.value
ORDER BY event.id;

-- name: person_by_key
-- Find a person whose hash has left the log, by that hash.
SELECT person FROM person_key WHERE key = ?;

-- name: person_log_after
-- The newest persons, page by page.
SELECT id, key FROM person_log WHERE id > ? ORDER BY id LIMIT ?;

-- name: tombstones_in_force
-- Whom nothing may bring back.
SELECT mark FROM tombstone WHERE lifted_at IS NULL;

-- name: tombstones
-- The proofs of all erasures, oldest first.
SELECT mark, at, cause, policy, lifted_at, cleared_at FROM tombstone ORDER BY at, mark;

-- name: insert_tombstones
-- Bury; who is buried already stays so since then.
INSERT INTO tombstone (mark, at, cause, policy) VALUES (?, ?, ?, ?)
ON CONFLICT (mark) DO UPDATE SET
    at = excluded.at, cause = excluded.cause, policy = excluded.policy,
    lifted_at = NULL, cleared_at = NULL
WHERE lifted_at IS NOT NULL;

-- name: lift_tombstone
-- Let somebody come back.
UPDATE OR ROLLBACK tombstone SET lifted_at = ? WHERE mark = ? AND lifted_at IS NULL;

-- name: clear_tombstone
-- Nothing is left of somebody.
UPDATE OR ROLLBACK tombstone SET cleared_at = ? WHERE mark = ? AND cleared_at IS NULL;

-- name: names_page
-- The next of everybody ever named.
SELECT id, mapping, person FROM person WHERE id > ? ORDER BY id LIMIT ?;

-- name: person_counts
-- What of a person is counted: held, failed, whether as a person, and whether as one whose name was
-- forgotten; items that wait, whether a turn comes again.
SELECT
    held, failed, person >= char(1),
    person >= char(0) || 'faded:' AND person < char(0) || 'faded;',
    (SELECT count(*) FROM item WHERE item.person = person.id),
    EXISTS (SELECT 1 FROM lane WHERE lane.person = person.id)
FROM person WHERE id = ?;

-- name: events_of_person
-- What waits for a person.
SELECT event FROM item WHERE person = ?;

-- name: records_of_person
-- All ledger records of a person, along the chain.
WITH RECURSIVE chain (id, previous, body) AS (
    SELECT ledger.id, ledger.previous, ledger.body
    FROM person JOIN ledger ON ledger.id = person.record
    WHERE person.id = ?
    UNION ALL
    SELECT ledger.id, ledger.previous, ledger.body
    FROM chain JOIN ledger ON ledger.id = chain.previous
)
SELECT id, body FROM chain;

-- name: delete_records
-- Records of somebody who was erased.
DELETE FROM ledger WHERE id IN (SELECT value FROM json_each(?));

-- name: delete_items_of
-- What waited for somebody who was erased.
DELETE FROM item WHERE person IN (SELECT value FROM json_each(?));

-- name: delete_persons
-- Somebody was erased.
DELETE FROM person WHERE id IN (SELECT value FROM json_each(?));

-- name: remove_logged_person
-- By this hash nobody is found any more.
DELETE FROM person_log WHERE key = ?;

-- name: remove_kept_person
-- By this hash nobody is found any more.
DELETE FROM person_key WHERE key = ?;

-- name: scrub_events
-- What these events said goes, unless somebody still waits for it.
UPDATE OR ROLLBACK event SET body = x'', problem = 'erased'
WHERE id IN (SELECT value FROM json_each(?)) AND length(body) > 0
AND NOT EXISTS (SELECT 1 FROM item WHERE item.event = event.id);

-- name: is_busy
-- Whether there is something to do about a person, or something under way.
SELECT EXISTS (SELECT 1 FROM item WHERE person = ?)
OR EXISTS (SELECT 1 FROM lane WHERE person = ?) OR EXISTS (SELECT 1 FROM intent WHERE person = ?);

-- name: unlink_record
-- What stood before this record is gone.
UPDATE OR ROLLBACK ledger SET previous = NULL WHERE id = ?;

-- name: set_record
-- This is a person's newest record from now on.
UPDATE OR ROLLBACK person SET record = ? WHERE id = ?;

-- name: next_events
-- The next events, and when they were received.
SELECT id, received_at FROM event WHERE id > ? ORDER BY id LIMIT ?;

-- name: fade_events
-- What these events said has outlived its time, unless somebody still waits for it.
UPDATE OR ROLLBACK event
SET body = x'', problem = CASE WHEN status = 0 THEN 'expired' ELSE problem END
WHERE id IN (SELECT value FROM json_each(?)) AND length(body) > 0
AND NOT EXISTS (SELECT 1 FROM item WHERE item.event = event.id);

-- name: notice
-- What is written on the board under a name.
SELECT version, body FROM notice WHERE name = ?;

-- name: pin_notice
-- Write on the board, unless somebody else has written there since.
WITH wanted (name, seen, body) AS (VALUES (?, ?, ?))
INSERT INTO notice (name, version, body)
SELECT name, seen + 1, body FROM wanted
WHERE seen = 0 OR EXISTS (SELECT 1 FROM notice WHERE notice.name = wanted.name)
ON CONFLICT (name) DO UPDATE SET version = excluded.version, body = excluded.body
WHERE notice.version = excluded.version - 1;

-- name: quiet_page
-- The next people with their newest records, and whether there is nothing to do about them.
SELECT
    person.id, person.mapping, person.person, person.state, ledger.body,
    person.held = 0 AND person.failed = 0 AND person.optout_waiting_since IS NULL
    AND NOT EXISTS (SELECT 1 FROM item WHERE item.person = person.id)
    AND NOT EXISTS (SELECT 1 FROM lane WHERE lane.person = person.id)
    AND NOT EXISTS (SELECT 1 FROM intent WHERE intent.person = person.id)
FROM person LEFT JOIN ledger ON ledger.id = person.record
WHERE person.id > ?
ORDER BY person.id
LIMIT ?;

-- name: fade_person
-- From now on somebody is known by a hash alone.
UPDATE OR ROLLBACK person SET person = ?, state = ?, record = ?, profile = NULL WHERE id = ?;

-- name: faded_among
-- Whose names were forgotten.
SELECT json_group_array(person.id)
FROM json_each(?) AS wanted CROSS JOIN person ON person.id = wanted.value
WHERE person.person >= char(0) || 'faded:' AND person.person < char(0) || 'faded;';

-- name: name_person
-- Somebody came in again, so their name is known again.
UPDATE OR ROLLBACK person SET person = ? WHERE id = ?;
