-- name: insert_event
-- Keep what was received.
INSERT INTO event (id, source, mapping, type, received_at, status, problem, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- name: remember_digest
-- Remember that an event was accepted; changes nothing when it was already.
INSERT INTO seen (key) VALUES (?) ON CONFLICT DO NOTHING;

-- name: accept_refused
-- A refused request becomes an accepted event.
UPDATE event SET status = 0, problem = '' WHERE id = ?;

-- name: event_head
-- What a replay must know of an event.
SELECT source, status FROM event WHERE id = ?;

-- name: person_id
-- Find a person by the hash of mapping and person.
SELECT id FROM person WHERE key = ?;

-- name: insert_person
-- Make a row for somebody who was named for the first time.
INSERT INTO person (id, key, mapping, person) VALUES (?, ?, ?, ?);

-- name: update_person
-- Keep what a turn concluded about a person.
UPDATE person SET state = ?, record = ?, held = ?, failed = ? WHERE id = ?;

-- name: set_optout
-- Apart from the rest because naming the column touches its index, changed or not.
UPDATE person SET optout_waiting_since = ? WHERE id = ?;

-- name: set_profile
-- Apart for the same reason.
UPDATE person SET profile = ? WHERE id = ?;

-- name: insert_item
-- Let an event wait for a person's turn.
INSERT INTO item (id, event, person, received_at, repeat_key) VALUES (?, ?, ?, ?, ?);

-- name: newest_item
-- The newest item that waits for a person.
SELECT id FROM item WHERE person = ? ORDER BY id DESC LIMIT 1;

-- name: equal_items
-- Waiting items of events equal to this one.
SELECT person, id FROM item WHERE repeat_key = ?;

-- name: same_event_waits
-- Whether this very event already waits for this person.
SELECT 1 FROM item WHERE event = ? AND person = ? LIMIT 1;

-- name: delete_item
-- An item was taken in by its person's turn.
DELETE FROM item WHERE id = ? AND person = ?;

-- name: move_item
-- An item belongs to another person; it gets a new number because it waits anew.
UPDATE item SET id = ?, person = ? WHERE id = ? AND person = ?;

-- name: hurry_lane
-- Something new arrived: a turn that waits for its moment is due at once.
UPDATE lane SET due_at = 0 WHERE person = ? AND due_at > 0;

-- name: update_lane
-- Set when the turn comes again, for somebody who has a lane.
UPDATE lane SET due_at = ?, attempts = ?, first_failed_at = ? WHERE person = ?;

-- name: insert_lane
-- Set when the turn comes again, for somebody who has none.
INSERT INTO lane (due_at, attempts, first_failed_at, person) VALUES (?, ?, ?, ?);

-- name: delete_lane
-- The turn need not come again by itself.
DELETE FROM lane WHERE person = ?;

-- name: insert_intent
-- Remember a write that is about to be sent.
INSERT INTO intent (person, id, body) VALUES (?, ?, ?);

-- name: delete_intents
-- The turn was settled: what was announced is in the ledger now.
DELETE FROM intent WHERE person = ?;

-- name: insert_record
-- Append to the ledger.
INSERT INTO ledger (id, person, previous, body) VALUES (?, ?, ?, ?);

-- name: set_tally
-- Keep a count.
INSERT INTO tally (name, value) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

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
SELECT item.id, item.person, lane.due_at
FROM item LEFT JOIN lane ON lane.person = item.person
WHERE item.id > ?
ORDER BY item.id
LIMIT ?;

-- name: due_lanes
-- Persons whose turn comes again now.
SELECT person FROM lane WHERE due_at <= ? ORDER BY due_at, person LIMIT ?;

-- name: next_due
-- The next moment at which a turn comes again.
SELECT due_at FROM lane WHERE due_at > ? ORDER BY due_at LIMIT 1;

-- name: announced_persons
-- Persons with writes that were announced and never settled.
SELECT DISTINCT person FROM intent;

-- name: turn_head
-- What a turn starts from: the person and the lane.
SELECT
    person.mapping, person.person, person.state, person.record, person.held, person.failed,
    person.optout_waiting_since, person.profile,
    lane.due_at, lane.attempts, lane.first_failed_at
FROM person LEFT JOIN lane ON lane.person = person.id
WHERE person.id = ?;

-- name: turn_items
-- What waits for one person, oldest first.
SELECT
    item.id, item.received_at, event.id, event.source, event.mapping, event.type, event.body
FROM item JOIN event ON event.id = item.event
WHERE item.person = ?
ORDER BY item.id
LIMIT ?;

-- name: turn_intents
-- What was announced for one person.
SELECT body FROM intent WHERE person = ? ORDER BY id;

-- name: person_state
-- What is known about a person.
SELECT state FROM person WHERE key = ?;

-- name: person_of_profile
-- Who has this profile.
SELECT person FROM person WHERE profile = ? ORDER BY id DESC LIMIT 1;

-- name: timeline
-- The newest ledger records of a person, newest first, along the chain of records.
WITH RECURSIVE chain (id, previous, body) AS (
    SELECT ledger.id, ledger.previous, ledger.body
    FROM person JOIN ledger ON ledger.id = person.record
    WHERE person.key = ?
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
-- When the item arrived that has waited longest.
SELECT received_at FROM item ORDER BY id LIMIT 1;

-- name: oldest_optout
-- Since when the oldest unfinished opt-out waits.
SELECT min(optout_waiting_since) FROM person WHERE optout_waiting_since IS NOT NULL;
