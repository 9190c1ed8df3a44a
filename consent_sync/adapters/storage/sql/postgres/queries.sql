-- Every query has a name and a sentence, and is a transaction of its own: no session keeps anything
-- between two of them, so a transaction pooler may stand in between, and whoever freezes or dies
-- holds no lock. Rows of lanes are locked in the order of their persons, everywhere.

-- name: accept
-- Store what is new, let it wait for its persons, and make their turns due.
-- `asks` marks an event that is new only if one of its persons has no equal one waiting untaken.
WITH asked AS MATERIALIZED (
    SELECT *
    FROM unnest(
        %(source)s::text[], %(mapping)s::bytea[], %(type)s::bytea[], %(at)s::bigint[],
        %(key)s::bytea[], %(repeat_key)s::bytea[], %(asks)s::bigint[], %(body)s::bytea[]
    ) WITH ORDINALITY AS a (source, mapping, type, at, key, repeat_key, asks, body, n)
),
named AS MATERIALIZED (
    SELECT
        l.*,
        EXISTS (
            SELECT FROM consent_sync.tombstone
            WHERE mark IN (everywhere, own) AND lifted_at IS NULL
        ) AS barred
    FROM unnest(
        %(link_n)s::bigint[], %(link_asks)s::bigint[],
        %(link_key)s::bytea[], %(link_mapping)s::bytea[], %(link_person)s::bytea[],
        %(link_everywhere)s::bytea[], %(link_own)s::bytea[]
    ) WITH ORDINALITY AS l (n, asks, key, mapping, person, everywhere, own, place)
),
link AS MATERIALIZED (SELECT n, asks, key, mapping, person, place FROM named WHERE NOT barred),
-- Events about nobody but the erased: kept without what they say.
emptied AS MATERIALIZED (SELECT n FROM named GROUP BY n HAVING bool_and(barred)),
given AS MATERIALIZED (
    SELECT nextval('consent_sync.event_id') AS id, asked.*
    FROM asked
    WHERE CASE
        WHEN asks = 0 THEN
            -- Together, because apart the second would be read from end to end each time.
            NOT EXISTS (
                SELECT FROM consent_sync.event WHERE event.key = asked.key
                UNION ALL
                SELECT FROM consent_sync.seen WHERE seen.key = asked.key
            )
        ELSE n IN (SELECT n FROM emptied) OR EXISTS (
            SELECT FROM link
            WHERE link.n = asked.n AND link.asks = 1 AND NOT EXISTS (
                SELECT FROM consent_sync.item LEFT JOIN consent_sync.lane USING (person)
                WHERE item.repeat_key = asked.repeat_key
                AND item.person = link.key AND item.id > coalesce(lane.taken, 0)
            )
        )
    END
),
fresh AS (
    INSERT INTO consent_sync.event (id, source, mapping, type, received_at, key, problem, body)
    SELECT
        id, source, mapping, type, at, key,
        CASE WHEN n IN (SELECT n FROM emptied) THEN 'erased'::bytea ELSE '' END,
        CASE WHEN n IN (SELECT n FROM emptied) THEN '' ELSE body END
    FROM given
    -- In one order everywhere, or two replicas that get the same events wait for each other.
    ORDER BY key
    -- Another replica may store the same at this moment.
    ON CONFLICT (key) DO NOTHING
    RETURNING id
),
concerned AS MATERIALIZED (
    SELECT given.id, given.at, given.repeat_key, link.*
    FROM fresh JOIN given USING (id) JOIN link USING (n)
),
born AS (
    INSERT INTO consent_sync.person (key, mapping, person)
    SELECT DISTINCT ON (key) key, mapping, person FROM concerned ORDER BY key
    ON CONFLICT (key) DO NOTHING
    RETURNING person
),
waits AS (
    INSERT INTO consent_sync.item (event, person, received_at, repeat_key)
    SELECT id, key, at, repeat_key FROM concerned ORDER BY place
    RETURNING id, person
),
arrivals AS MATERIALIZED (
    SELECT person, count(*) AS many, min(id) AS place FROM waits GROUP BY person
),
lanes AS (
    INSERT INTO consent_sync.lane (person, next_at, place, pending, arrived)
    SELECT person, consent_sync.now_micros(), place, many, many FROM arrivals ORDER BY person
    ON CONFLICT (person) DO UPDATE SET
        pending = lane.pending + excluded.pending,
        arrived = lane.arrived + excluded.arrived,
        next_at = CASE
            WHEN lane.fence IS NULL THEN least(lane.next_at, excluded.next_at)
            ELSE lane.next_at
        END
    RETURNING person, pending
),
counted AS (
    INSERT INTO consent_sync.tally (slot, name, value)
    SELECT %(slot)s::integer, name, value
    FROM (
        SELECT 'events:' || source, count(*) FROM fresh JOIN given USING (id) GROUP BY source
        UNION ALL
        SELECT 'persons', count(*) FROM born WHERE substr(person, 1, 1) <> '\x00'
        UNION ALL
        SELECT 'waiting', count(*) FROM lanes JOIN arrivals USING (person) WHERE pending = many
    ) AS counts (name, value)
    WHERE value <> 0
    ORDER BY name
    ON CONFLICT (slot, name) DO UPDATE SET value = tally.value + excluded.value
)
SELECT n FROM fresh JOIN given USING (id);

-- name: refuse
-- Keep a refused request.
WITH kept AS (
    INSERT INTO consent_sync.event (source, mapping, type, received_at, status, problem, body)
    VALUES (
        %(source)s, %(mapping)s, '', %(at)s, %(status)s, %(problem)s, %(body)s
    )
    RETURNING id
),
counted AS (
    INSERT INTO consent_sync.tally (slot, name, value)
    VALUES (%(slot)s, 'refused:' || %(source)s::text, 1)
    ON CONFLICT (slot, name) DO UPDATE SET value = tally.value + 1
)
SELECT id FROM kept;

-- name: replay
-- Let a stored event wait again for these persons, unless it still does; a refused one is accepted.
WITH found AS MATERIALIZED (
    SELECT id, source, status FROM consent_sync.event WHERE id = %(number)s FOR UPDATE
),
turned AS (
    UPDATE consent_sync.event SET status = 0, problem = ''
    FROM found WHERE event.id = found.id AND found.status <> 0
    RETURNING event.source
),
asked AS MATERIALIZED (
    SELECT l.*
    FROM found, unnest(
        %(link_key)s::bytea[], %(link_mapping)s::bytea[], %(link_person)s::bytea[],
        %(link_everywhere)s::bytea[], %(link_own)s::bytea[]
    ) WITH ORDINALITY AS l (key, mapping, person, everywhere, own, place)
    WHERE NOT EXISTS (
        SELECT FROM consent_sync.tombstone WHERE mark IN (everywhere, own) AND lifted_at IS NULL
    )
),
born AS (
    INSERT INTO consent_sync.person (key, mapping, person)
    SELECT DISTINCT ON (key) key, mapping, person FROM asked ORDER BY key
    ON CONFLICT (key) DO NOTHING
    RETURNING person
),
waits AS (
    INSERT INTO consent_sync.item (event, person, received_at)
    SELECT %(number)s, key, %(at)s FROM asked
    WHERE NOT EXISTS (
        SELECT FROM consent_sync.item AS own WHERE own.event = %(number)s AND own.person = asked.key
    )
    ORDER BY place
    RETURNING id, person
),
arrivals AS MATERIALIZED (
    SELECT person, count(*) AS many, min(id) AS place FROM waits GROUP BY person
),
lanes AS (
    INSERT INTO consent_sync.lane (person, next_at, place, pending, arrived)
    SELECT person, consent_sync.now_micros(), place, many, many FROM arrivals ORDER BY person
    ON CONFLICT (person) DO UPDATE SET
        pending = lane.pending + excluded.pending,
        arrived = lane.arrived + excluded.arrived,
        next_at = CASE
            WHEN lane.fence IS NULL THEN least(lane.next_at, excluded.next_at)
            ELSE lane.next_at
        END
    RETURNING person, pending
),
counted AS (
    INSERT INTO consent_sync.tally (slot, name, value)
    SELECT %(slot)s::integer, name, value
    FROM (
        SELECT 'events:' || source, 1 FROM turned
        UNION ALL
        SELECT 'refused:' || source, -1 FROM turned
        UNION ALL
        SELECT 'persons', count(*) FROM born WHERE substr(person, 1, 1) <> '\x00'
        UNION ALL
        SELECT 'waiting', count(*) FROM lanes JOIN arrivals USING (person) WHERE pending = many
    ) AS counts (name, value)
    WHERE value <> 0
    ORDER BY name
    ON CONFLICT (slot, name) DO UPDATE SET value = tally.value + excluded.value
)
SELECT id FROM found;

-- name: claim
-- Take the oldest due lanes that nobody else is taking; the lease starts now.
WITH due AS MATERIALIZED (
    SELECT person, next_at AS due_at, place
    FROM consent_sync.lane
    WHERE next_at <= consent_sync.now_micros()
    ORDER BY next_at, place
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE consent_sync.lane SET
    next_at = consent_sync.now_micros() + %(lease)s,
    fence = %(fence)s,
    taken = (SELECT last_value FROM consent_sync.item_id),
    arrived = 0,
    uneasy = false
FROM due
WHERE lane.person = due.person
RETURNING due.due_at, due.place, lane.person;

-- name: turn_heads
-- What claimed turns start from. Apart from the claim, because only a view of the database taken
-- after the claim is sure to hold what the turn before has left.
SELECT
    lane.person, person.mapping, person.person, person.state,
    lane.attempts, lane.first_failed_at,
    ARRAY(
        SELECT intent.body FROM consent_sync.intent
        WHERE intent.person = lane.person ORDER BY intent.id
    ),
    coalesce((SELECT max(intent.id) FROM consent_sync.intent WHERE intent.person = lane.person), 0)
FROM unnest(%(persons)s::bytea[]) AS wanted (person)
JOIN consent_sync.lane ON lane.person = wanted.person AND lane.fence = %(fence)s
JOIN consent_sync.person ON person.key = wanted.person;

-- name: turn_items
-- What waits for claimed turns, each one's oldest first and up to a limit.
SELECT
    item.person,
    item.id, item.received_at, event.id, event.source, event.mapping, event.type, event.body
FROM unnest(%(persons)s::bytea[]) AS wanted (person)
JOIN consent_sync.lane ON lane.person = wanted.person AND lane.fence = %(fence)s
CROSS JOIN LATERAL (
    SELECT own.* FROM consent_sync.item AS own
    WHERE own.person = wanted.person AND own.id <= lane.taken
    ORDER BY own.id
    LIMIT %(limit)s
) AS item
JOIN consent_sync.event ON event.id = item.event
ORDER BY item.id;

-- name: next_due
-- In how many microseconds the next lane is due.
SELECT min(next_at) - consent_sync.now_micros() FROM consent_sync.lane;

-- name: extend
-- The turns go on: their leases start anew.
WITH mine AS MATERIALIZED (
    SELECT lane.person
    FROM unnest(%(person)s::bytea[], %(fence)s::bigint[]) AS given (person, fence)
    JOIN consent_sync.lane ON lane.person = given.person AND lane.fence = given.fence
    ORDER BY lane.person
    FOR UPDATE OF lane
)
UPDATE consent_sync.lane SET next_at = consent_sync.now_micros() + %(lease)s
FROM mine
WHERE lane.person = mine.person
RETURNING lane.person, lane.fence;

-- name: give_back
-- Turns end untouched: these persons are due before all others.
WITH mine AS MATERIALIZED (
    SELECT lane.person
    FROM unnest(%(person)s::bytea[], %(fence)s::bigint[]) AS given (person, fence)
    JOIN consent_sync.lane ON lane.person = given.person AND lane.fence = given.fence
    ORDER BY lane.person
    FOR UPDATE OF lane
)
UPDATE consent_sync.lane SET fence = NULL, taken = 0, next_at = 0
FROM mine
WHERE lane.person = mine.person
RETURNING lane.person;

-- name: announce
-- Remember writes that are about to be sent, and keep what led to them; only where the turn still
-- has its lease, which starts anew.
WITH given AS MATERIALIZED (
    SELECT *
    FROM unnest(
        %(person)s::bytea[], %(fence)s::bigint[],
        %(writes)s::bytea[], %(state)s::bytea[], %(record)s::bytea[]
    ) AS g (person, fence, writes, state, record)
),
mine AS MATERIALIZED (
    SELECT given.*, person.record AS previous
    FROM given
    JOIN consent_sync.lane ON lane.person = given.person AND lane.fence = given.fence
    JOIN consent_sync.person ON person.key = given.person
    ORDER BY lane.person
    FOR UPDATE OF lane
),
leased AS (
    UPDATE consent_sync.lane SET next_at = consent_sync.now_micros() + %(lease)s
    FROM mine WHERE lane.person = mine.person
),
records AS (
    INSERT INTO consent_sync.ledger (person, previous, body)
    SELECT person, previous, record FROM mine WHERE record IS NOT NULL
    RETURNING id, person
),
seen AS (
    UPDATE consent_sync.person SET state = mine.state, record = records.id
    FROM mine JOIN records USING (person)
    WHERE person.key = mine.person
),
forgotten AS (
    DELETE FROM consent_sync.intent USING mine
    WHERE intent.person = mine.person AND mine.record IS NOT NULL
),
noted AS (
    INSERT INTO consent_sync.intent (person, fence, body) SELECT person, fence, writes FROM mine
)
SELECT person FROM mine;

-- name: settle
-- Record how turns ended, only where they still have their lease. `delay` is empty where a turn
-- need not come again by itself; `finished` counts the items done and moved, `handed` those handed
-- out; `intent` is the newest announcement that the turn knew.
WITH given AS MATERIALIZED (
    SELECT *
    FROM unnest(
        %(person)s::bytea[], %(fence)s::bigint[], %(state)s::bytea[], %(record)s::bytea[],
        %(held)s::bigint[], %(failed)s::bigint[], %(optout)s::bigint[], %(profile)s::bytea[],
        %(delay)s::bigint[], %(attempts)s::bigint[], %(first_failed_at)s::bigint[],
        %(handed)s::bigint[], %(finished)s::bigint[], %(intent)s::bigint[]
    ) WITH ORDINALITY AS g (
        person, fence, state, record, held, failed, optout, profile,
        delay, attempts, first_failed_at, handed, finished, intent, n
    )
),
mine AS MATERIALIZED (
    SELECT
        given.*,
        person.record AS previous, person.held AS was_held, person.failed AS was_failed,
        lane.pending, lane.arrived, lane.uneasy
    FROM given
    JOIN consent_sync.lane ON lane.person = given.person AND lane.fence = given.fence
    JOIN consent_sync.person ON person.key = given.person
    ORDER BY lane.person
    FOR UPDATE OF lane
),
ended AS MATERIALIZED (
    SELECT
        mine.*,
        pending - finished AS remaining,
        delay IS NULL AND pending = finished AND NOT uneasy AS over,
        -- With a due moment and progress the rest of a long line is due; without any, only what
        -- came meanwhile is, or a person with a long line would be tried again without a pause.
        uneasy OR CASE
            WHEN delay IS NULL THEN pending > finished
            WHEN finished > 0 THEN pending > handed
            ELSE arrived > 0
        END AS at_once
    FROM mine
),
records AS (
    INSERT INTO consent_sync.ledger (person, previous, body)
    SELECT person, previous, record FROM ended WHERE record IS NOT NULL ORDER BY n
    RETURNING id, person
),
kept AS (
    UPDATE consent_sync.person SET
        state = ended.state,
        record = coalesce(records.id, ended.previous),
        turn = ended.fence,
        held = ended.held,
        failed = ended.failed,
        optout_waiting_since = ended.optout,
        profile = ended.profile
    FROM ended LEFT JOIN records USING (person)
    WHERE person.key = ended.person
),
finished AS (
    DELETE FROM consent_sync.item
    USING unnest(%(done)s::bigint[], %(done_person)s::bytea[]) AS done (id, person)
    JOIN ended USING (person)
    WHERE item.id = done.id
),
asked AS MATERIALIZED (
    SELECT
        move.*,
        EXISTS (
            SELECT FROM consent_sync.tombstone
            WHERE mark IN (everywhere, own) AND lifted_at IS NULL
        ) AS barred
    FROM unnest(
        %(moved)s::bigint[], %(moved_person)s::bytea[],
        %(link_key)s::bytea[], %(link_mapping)s::bytea[], %(link_person)s::bytea[],
        %(link_everywhere)s::bytea[], %(link_own)s::bytea[]
    ) AS move (id, person, target, target_mapping, target_person, everywhere, own)
    JOIN ended USING (person)
),
moves AS MATERIALIZED (SELECT * FROM asked WHERE NOT barred),
-- Items that turn out to be of somebody who was erased: nobody waits for them any more.
let_go AS (
    DELETE FROM consent_sync.item USING asked WHERE asked.barred AND item.id = asked.id
    RETURNING item.id, item.event
),
emptied AS (
    UPDATE consent_sync.event SET body = '', problem = 'erased'
    FROM let_go
    WHERE event.id = let_go.event AND NOT EXISTS (
        SELECT FROM consent_sync.item AS other
        WHERE other.event = let_go.event AND other.id <> let_go.id
    )
),
born AS (
    INSERT INTO consent_sync.person (key, mapping, person)
    SELECT DISTINCT ON (target) target, target_mapping, target_person FROM moves ORDER BY target
    ON CONFLICT (key) DO NOTHING
    RETURNING person
),
moved AS (
    UPDATE consent_sync.item SET id = nextval('consent_sync.item_id'), person = moves.target
    FROM moves WHERE item.id = moves.id
    RETURNING item.id, item.person
),
arrivals AS MATERIALIZED (
    SELECT person, count(*) AS many, min(id) AS place FROM moved GROUP BY person
),
lanes AS (
    INSERT INTO consent_sync.lane (person, next_at, place, pending, arrived)
    SELECT person, consent_sync.now_micros(), place, many, many FROM arrivals ORDER BY person
    ON CONFLICT (person) DO UPDATE SET
        pending = lane.pending + excluded.pending,
        arrived = lane.arrived + excluded.arrived,
        next_at = CASE
            WHEN lane.fence IS NULL THEN least(lane.next_at, excluded.next_at)
            ELSE lane.next_at
        END
    RETURNING person, pending
),
forgotten AS (
    DELETE FROM consent_sync.intent USING ended
    WHERE intent.person = ended.person
    AND (intent.fence = ended.fence OR intent.id <= ended.intent)
),
gone AS (
    DELETE FROM consent_sync.lane USING ended WHERE lane.person = ended.person AND ended.over
),
again AS (
    UPDATE consent_sync.lane SET
        next_at = consent_sync.now_micros() + CASE
            WHEN ended.at_once THEN 0 ELSE coalesce(ended.delay, 0)
        END,
        fence = NULL,
        taken = 0,
        arrived = 0,
        pending = ended.remaining,
        attempts = ended.attempts,
        first_failed_at = ended.first_failed_at
    FROM ended
    WHERE lane.person = ended.person AND NOT ended.over
),
counted AS (
    INSERT INTO consent_sync.tally (slot, name, value)
    SELECT %(slot)s::integer, name, sum(value)
    FROM (
        SELECT 'held', sum(held - was_held) FROM ended
        UNION ALL
        SELECT 'failed', sum(failed - was_failed) FROM ended
        UNION ALL
        SELECT 'waiting', -count(*) FROM ended WHERE finished > 0 AND remaining = 0
        UNION ALL
        SELECT 'waiting', count(*) FROM lanes JOIN arrivals USING (person) WHERE pending = many
        UNION ALL
        SELECT 'persons', count(*) FROM born WHERE substr(person, 1, 1) <> '\x00'
    ) AS counts (name, value)
    GROUP BY name
    HAVING sum(value) <> 0
    ORDER BY name
    ON CONFLICT (slot, name) DO UPDATE SET value = tally.value + excluded.value
)
SELECT person FROM ended;

-- name: settled_turns
-- Which of these turns were settled, asked when no answer came.
SELECT person.key
FROM unnest(%(person)s::bytea[], %(fence)s::bigint[]) AS given (person, fence)
JOIN consent_sync.person ON person.key = given.person AND person.turn = given.fence;

-- name: assert_again
-- A turn that lost its lease had announced writes that may have landed late: they are looked at.
WITH noted AS (
    INSERT INTO consent_sync.intent (person, fence, body)
    SELECT key, %(fence)s, unnest(%(writes)s::bytea[])
    -- Nobody is there any more who was erased meanwhile.
    FROM consent_sync.person WHERE key = %(person)s
)
INSERT INTO consent_sync.lane (person, next_at, place, uneasy)
SELECT key, consent_sync.now_micros(), 0, true FROM consent_sync.person WHERE key = %(person)s
ON CONFLICT (person) DO UPDATE SET
    uneasy = true,
    next_at = CASE
        WHEN lane.fence IS NULL THEN least(lane.next_at, excluded.next_at)
        ELSE lane.next_at
    END;

-- name: nothing
-- Commit something of no consequence, to know that it works.
INSERT INTO consent_sync.tally (slot, name, value) VALUES (%(slot)s, 'checks', 1)
ON CONFLICT (slot, name) DO UPDATE SET value = tally.value + 1;

-- name: person_state
-- What is known about a person.
SELECT state FROM consent_sync.person WHERE key = %(key)s;

-- name: states_of_persons
-- What is known about many persons.
SELECT key, state FROM consent_sync.person
WHERE key = ANY(%(keys)s::bytea[]) AND state IS NOT NULL;

-- name: people_page
-- The next persons with a state; the key of a stand-in starts with a zero byte.
SELECT id, mapping, person, state FROM consent_sync.person
WHERE id > %(after)s AND state IS NOT NULL AND substr(person, 1, 1) <> '\x00'
ORDER BY id
LIMIT %(limit)s;

-- name: person_of_profile
-- Who has this profile.
SELECT person FROM consent_sync.person WHERE profile = %(key)s
ORDER BY record DESC NULLS LAST LIMIT 1;

-- name: items_of_person
-- What waits for one person, oldest first.
SELECT
    item.id, item.received_at, event.id, event.source, event.mapping, event.type, event.body
FROM consent_sync.item JOIN consent_sync.event ON event.id = item.event
WHERE item.person = %(key)s
ORDER BY item.id;

-- name: timeline
-- The newest ledger records of a person, newest first, along the chain of records.
WITH RECURSIVE chain (id, previous, body) AS (
    SELECT ledger.id, ledger.previous, ledger.body
    FROM consent_sync.person JOIN consent_sync.ledger ON ledger.id = person.record
    WHERE person.key = %(key)s
    UNION ALL
    SELECT ledger.id, ledger.previous, ledger.body
    FROM chain JOIN consent_sync.ledger ON ledger.id = chain.previous
)
SELECT body FROM chain LIMIT %(limit)s;

-- name: recent_records
-- Ledger records of everybody in an order that no later commit can disturb, for following along:
-- what is still being written by others, and everything after it, waits for the next question.
SELECT ledger.id, person.mapping, person.person, ledger.body
FROM consent_sync.ledger JOIN consent_sync.person ON person.key = ledger.person
WHERE (ledger.tx, ledger.id) > (
    coalesce((
        SELECT last.tx FROM consent_sync.ledger AS last
        WHERE last.id <= %(after)s ORDER BY last.id DESC LIMIT 1
    ), 0),
    %(after)s
)
AND ledger.tx < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
ORDER BY ledger.tx, ledger.id
LIMIT %(limit)s;

-- name: newest_record
-- The last ledger record in that order.
SELECT id FROM consent_sync.ledger
WHERE tx < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
ORDER BY tx DESC, id DESC LIMIT 1;

-- name: event_by_number
-- One event or refused request.
SELECT
    id, source, mapping, type, received_at, body, status, problem,
    EXISTS (SELECT FROM consent_sync.item WHERE item.event = event.id)
FROM consent_sync.event
WHERE id = %(number)s;

-- name: accepted_events
-- Accepted events of any source, newest first.
SELECT
    id, source, mapping, type, received_at, body, status, problem,
    EXISTS (SELECT FROM consent_sync.item WHERE item.event = event.id)
FROM consent_sync.event
WHERE status = 0 AND id < %(before)s
ORDER BY id DESC
LIMIT %(limit)s;

-- name: accepted_events_of_source
-- Accepted events of one source, newest first.
SELECT
    id, source, mapping, type, received_at, body, status, problem,
    EXISTS (SELECT FROM consent_sync.item WHERE item.event = event.id)
FROM consent_sync.event
WHERE source = %(source)s AND status = 0 AND id < %(before)s
ORDER BY id DESC
LIMIT %(limit)s;

-- name: refused_events
-- Refused requests of one source, newest first.
SELECT id, source, mapping, type, received_at, body, status, problem, false
FROM consent_sync.event
WHERE source = %(source)s AND status <> 0 AND id < %(before)s
ORDER BY id DESC
LIMIT %(limit)s;

-- name: tallies
-- All counts.
SELECT name, sum(value)::bigint FROM consent_sync.tally GROUP BY name;

-- name: status
-- What is not counted: how many turns come again because they failed, when the item arrived that
-- has waited longest, and since when the oldest unfinished opt-out waits.
SELECT
    (SELECT count(*) FROM consent_sync.lane WHERE attempts > 0),
    (SELECT received_at FROM consent_sync.item ORDER BY id LIMIT 1),
    (
        SELECT min(optout_waiting_since) FROM consent_sync.person
        WHERE optout_waiting_since IS NOT NULL
    );

-- name: last_event
-- When a side last said something that was accepted.
SELECT received_at FROM consent_sync.event
WHERE source = %(source)s AND status = 0
ORDER BY id DESC
LIMIT 1;

-- name: keep_versions
-- Mappings are about to count as these files say. Every replica reads the files, one keeps them.
INSERT INTO consent_sync.mapping_version (mapping, version, file, at, difference, content, text)
SELECT mapping, version, file, at, difference, content, text
FROM unnest(
    %(mapping)s::text[], %(version)s::text[], %(file)s::text[], %(at)s::bigint[],
    %(difference)s::bytea[], %(content)s::bytea[], %(text)s::bytea[]
) WITH ORDINALITY AS given (mapping, version, file, at, difference, content, text, n)
WHERE version IS DISTINCT FROM (
    SELECT last.version FROM consent_sync.mapping_version AS last
    WHERE last.mapping = given.mapping ORDER BY last.id DESC LIMIT 1
)
ORDER BY n;

-- name: versions_in_force
-- The newest version of each mapping; a mapping that ended has an empty one.
SELECT id, mapping, version, file, at, difference, content, text
FROM consent_sync.mapping_version
WHERE id IN (SELECT max(id) FROM consent_sync.mapping_version GROUP BY mapping)
ORDER BY mapping COLLATE "C";

-- name: versions
-- The versions of all mappings, newest first, without their texts.
SELECT id, mapping, version, file, at, difference, content, ''::bytea
FROM consent_sync.mapping_version
WHERE id < %(before)s
ORDER BY id DESC
LIMIT %(limit)s;

-- name: versions_of
-- The versions of one mapping, newest first, without their texts.
SELECT id, mapping, version, file, at, difference, content, ''::bytea
FROM consent_sync.mapping_version
WHERE mapping = %(mapping)s AND id < %(before)s
ORDER BY id DESC
LIMIT %(limit)s;

-- name: version_by_hash
-- A version of a mapping by the hash that decisions name; the newest row where it came back.
SELECT id, mapping, version, file, at, difference, content, text
FROM consent_sync.mapping_version
WHERE mapping = %(mapping)s AND version = %(version)s
ORDER BY id DESC
LIMIT 1;

-- name: version_by_number
-- A version by its number.
SELECT id, mapping, version, file, at, difference, content, text
FROM consent_sync.mapping_version
WHERE id = %(number)s;

-- name: make_key
-- Keep a random key, unless there is one of this name.
INSERT INTO consent_sync.key (name, value) VALUES (%(name)s, %(value)s)
ON CONFLICT (name) DO NOTHING;

-- name: key
-- A random key.
SELECT value FROM consent_sync.key WHERE name = %(name)s;

-- name: unfinished_move
-- Whether a move into this database has begun and not come to its end.
SELECT 1 FROM consent_sync.move
WHERE part = 'source' AND NOT EXISTS (SELECT FROM consent_sync.move WHERE part = 'done');

-- name: events_by_numbers
-- These events, in the order of their arrival.
SELECT id, source, mapping, type, received_at, body, status, problem, false
FROM consent_sync.event
WHERE id = ANY(%(numbers)s)
ORDER BY id;

-- name: bury
-- Keep tombstones; who is buried already stays so since then. `tx` is this transaction.
WITH kept AS (
    INSERT INTO consent_sync.tombstone (mark, at, cause, policy)
    SELECT mark, %(at)s, %(cause)s, %(policy)s FROM unnest(%(marks)s::bytea[]) AS m (mark)
    ORDER BY mark
    ON CONFLICT (mark) DO UPDATE SET
        at = excluded.at, cause = excluded.cause, policy = excluded.policy,
        lifted_at = NULL, cleared_at = NULL
    WHERE tombstone.lifted_at IS NOT NULL
)
SELECT pg_current_xact_id()::text::bigint;

-- name: all_after
-- Whether every statement that may write sees what that transaction has committed.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint > %(tx)s;

-- name: stop_turns
-- The turns of these persons lose their leases, and nobody claims them before they are removed.
WITH mine AS MATERIALIZED (
    SELECT person FROM consent_sync.lane WHERE person = ANY(%(keys)s::bytea[])
    ORDER BY person FOR UPDATE
)
UPDATE consent_sync.lane
SET fence = NULL, next_at = consent_sync.now_micros() + 60000000
FROM mine WHERE lane.person = mine.person;

-- name: records_of_persons
-- All ledger records of these persons, along the chains.
WITH RECURSIVE chain (id, previous, body) AS (
    SELECT ledger.id, ledger.previous, ledger.body
    FROM consent_sync.person JOIN consent_sync.ledger ON ledger.id = person.record
    WHERE person.key = ANY(%(keys)s::bytea[])
    UNION ALL
    SELECT ledger.id, ledger.previous, ledger.body
    FROM chain JOIN consent_sync.ledger ON ledger.id = chain.previous
)
SELECT id, body FROM chain;

-- name: remove_persons
-- Everything of these persons goes, together with their records and what those events said.
WITH who AS (
    DELETE FROM consent_sync.person WHERE key = ANY(%(keys)s::bytea[])
    RETURNING key, person, held, failed
),
waited AS (
    DELETE FROM consent_sync.item WHERE person = ANY(%(keys)s::bytea[])
    RETURNING person, event
),
lanes AS (
    DELETE FROM consent_sync.lane WHERE person = ANY(%(keys)s::bytea[])
),
intents AS (
    DELETE FROM consent_sync.intent WHERE person = ANY(%(keys)s::bytea[])
),
records AS (
    DELETE FROM consent_sync.ledger WHERE id = ANY(%(records)s::bigint[]) RETURNING id
),
emptied AS (
    UPDATE consent_sync.event SET body = '', problem = 'erased'
    WHERE (id = ANY(%(events)s::bigint[]) OR id IN (SELECT event FROM waited))
    AND body <> ''
    AND NOT EXISTS (
        SELECT FROM consent_sync.item
        WHERE item.event = event.id AND item.person <> ALL(%(keys)s::bytea[])
    )
    RETURNING id
),
counted AS (
    INSERT INTO consent_sync.tally (slot, name, value)
    SELECT %(slot)s::integer, name, value
    FROM (
        SELECT 'held', -sum(held) FROM who
        UNION ALL
        SELECT 'failed', -sum(failed) FROM who
        UNION ALL
        SELECT 'persons', -count(*) FROM who WHERE substr(person, 1, 1) <> '\x00'
        UNION ALL
        SELECT 'waiting', -count(DISTINCT person) FROM waited
    ) AS counts (name, value)
    WHERE value <> 0
    ORDER BY name
    ON CONFLICT (slot, name) DO UPDATE SET value = tally.value + excluded.value
)
SELECT
    (SELECT count(*) FROM who), (SELECT count(*) FROM waited),
    (SELECT count(*) FROM records), (SELECT count(*) FROM emptied);

-- name: lift
-- Let somebody come back.
UPDATE consent_sync.tombstone SET lifted_at = %(at)s
WHERE mark = ANY(%(marks)s::bytea[]) AND lifted_at IS NULL
RETURNING mark;

-- name: tombstones
-- The proofs of all erasures, oldest first.
SELECT mark, at, cause, policy, lifted_at, cleared_at FROM consent_sync.tombstone ORDER BY at, mark;

-- name: clear_tombstones
-- Nothing is left of somebody.
UPDATE consent_sync.tombstone SET cleared_at = %(at)s
WHERE mark = ANY(%(marks)s::bytea[]) AND cleared_at IS NULL;

-- name: names_page
-- The next of everybody ever named.
SELECT id, mapping, person FROM consent_sync.person
WHERE id > %(after)s ORDER BY id LIMIT %(limit)s;

-- name: scrub_events
-- What these events said goes, unless somebody still waits for it.
UPDATE consent_sync.event SET body = '', problem = 'erased'
WHERE id = ANY(%(events)s::bigint[]) AND body <> ''
AND NOT EXISTS (SELECT FROM consent_sync.item WHERE item.event = event.id)
RETURNING id;

-- name: fade_events
-- What the next events said has outlived its time, unless somebody still waits for it.
WITH page AS MATERIALIZED (
    SELECT id, received_at FROM consent_sync.event WHERE id > %(after)s ORDER BY id LIMIT %(limit)s
),
due AS MATERIALIZED (SELECT id FROM page WHERE received_at < %(before)s),
faded AS (
    UPDATE consent_sync.event
    SET body = '', problem = CASE WHEN status = 0 THEN 'expired'::bytea ELSE problem END
    FROM due
    WHERE event.id = due.id AND body <> ''
    AND NOT EXISTS (SELECT FROM consent_sync.item WHERE item.event = event.id)
)
SELECT max(id) FROM due;

-- name: notice
-- What is written on the board under a name.
SELECT version, body FROM consent_sync.notice WHERE name = %(board)s

-- name: pin_notice
-- Write on the board, unless another replica has written there since.
INSERT INTO consent_sync.notice AS known (name, version, body)
SELECT %(name)s::text, %(version)s::bigint + 1, %(body)s::bytea
WHERE %(version)s = 0 OR EXISTS (SELECT FROM consent_sync.notice WHERE name = %(name)s)
ON CONFLICT (name) DO UPDATE SET version = known.version + 1, body = excluded.body
WHERE known.version = %(version)s
RETURNING version

-- name: lead
-- Take or keep a piece of work, unless another replica has it.
INSERT INTO consent_sync.notice AS known (name, holder, held_until)
VALUES (%(name)s, %(holder)s, consent_sync.now_micros() + %(lease)s)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
WHERE known.holder IS NULL OR known.holder = excluded.holder
OR known.held_until <= consent_sync.now_micros()
RETURNING name

-- name: resign
-- Leave a piece of work to whoever takes it next.
UPDATE consent_sync.notice SET holder = NULL, held_until = NULL
WHERE name = %(name)s AND holder = %(holder)s
RETURNING name
