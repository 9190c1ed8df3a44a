-- Every query has a name and a sentence, and is a transaction of its own: no session keeps anything
-- between two of them, so a transaction pooler may stand in between, and whoever freezes or dies
-- holds no lock. Rows of lanes are locked in the order of their persons, everywhere.

-- name: accept
-- Store what is new and let it wait for its persons; the places of what is new, or nothing for all.
SELECT consent_sync.accept(
    %(source)s, %(mapping)s, %(type)s, %(at)s, %(key)s, %(repeat_key)s, %(asks)s, %(body)s,
    %(link_n)s, %(link_asks)s, %(link_key)s,
    %(link_mapping)s, %(link_person)s, %(link_everywhere)s, %(link_own)s, %(link_urgency)s
);

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
    VALUES (mod(pg_backend_pid(), 64), 'refused:' || %(source)s::text, 1)
    ON CONFLICT (slot, name) DO UPDATE SET value = tally.value + 1
)
SELECT id FROM kept;

-- name: replay
-- Let a stored event wait again for these persons; whether there is one.
SELECT consent_sync.replay(
    %(number)s, %(at)s,
    %(link_key)s, %(link_mapping)s, %(link_person)s, %(link_everywhere)s, %(link_own)s
);

-- name: claim
-- Take due lanes, and read what waits for their persons.
SELECT * FROM consent_sync.claim(
    %(limit)s, %(lease)s, %(fence)s, %(items)s, %(order)s
);

-- name: next_due
-- In how many microseconds the next lane is due.
SELECT min(first.next_at) - consent_sync.now_micros()
FROM unnest(ARRAY[0, 1, 2]) AS part (urgency)
CROSS JOIN LATERAL (
    SELECT next_at FROM consent_sync.lane WHERE lane.urgency = part.urgency
    ORDER BY next_at LIMIT 1
) AS first;

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
-- Remember writes that are about to be sent: the places of turns that still have their lease, and of
-- those whose lease started anew.
SELECT kept, extended FROM consent_sync.announce(
    %(person)s, %(fence)s, %(writes)s, %(state)s, %(record)s, %(lease)s
);

-- name: settle
-- Record how turns ended; the places of those that still had their lease.
SELECT consent_sync.settle(
    %(person)s, %(fence)s, %(state)s, %(record)s,
    %(held)s, %(failed)s, %(optout)s, %(profile)s,
    %(delay)s, %(attempts)s, %(first_failed_at)s,
    %(handed)s, %(finished)s, %(intent)s,
    %(done)s, %(done_place)s, %(moved)s, %(moved_place)s,
    %(link_key)s, %(link_mapping)s, %(link_person)s, %(link_everywhere)s, %(link_own)s
);

-- name: settled_turns
-- The places of those of these turns that were settled, asked when no answer came.
SELECT given.n
FROM unnest(%(person)s::bytea[], %(fence)s::bigint[]) WITH ORDINALITY AS given (person, fence, n)
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

-- name: draw
-- Draw permits for calls. `level` is how full the bucket of the account is, as of `at`; what was
-- made without a permit fills it, too. Where there are more replicas than calls at once, they take
-- turns in having none, and then get no permits either.
WITH here AS (
    INSERT INTO consent_sync.quota_share (account, replica, until)
    VALUES (%(account)s, %(replica)s, consent_sync.now_micros() + %(sharing)s)
    ON CONFLICT (account, replica) DO UPDATE SET until = excluded.until
),
gone AS (
    DELETE FROM consent_sync.quota_share
    WHERE account = %(account)s AND replica <> %(replica)s AND until < consent_sync.now_micros()
),
sharing AS MATERIALIZED (
    SELECT count(*) AS replicas, count(*) FILTER (WHERE replica < %(replica)s) AS rank
    FROM (
        SELECT replica FROM consent_sync.quota_share
        WHERE account = %(account)s AND until >= consent_sync.now_micros()
        UNION
        SELECT %(replica)s::bytea
    ) AS alive
),
slots AS MATERIALIZED (
    SELECT
        replicas,
        %(at_once)s / replicas + CASE
            WHEN (rank + consent_sync.now_micros() / %(rotation)s) %% replicas
            < %(at_once)s %% replicas THEN 1
            ELSE 0
        END AS mine,
        -- Whose turn it is to take the last one that is free; the others leave it there.
        (rank + consent_sync.now_micros() / %(rotation)s) %% replicas <> 0 AS yields
    FROM sharing
),
drawn AS (
    INSERT INTO consent_sync.quota AS kept (account, at, level, granted)
    SELECT
        %(account)s,
        consent_sync.now_micros(),
        %(beyond)s + permits,
        permits
    FROM (
        SELECT CASE
            WHEN mine > 0
            THEN greatest(
                0,
                least(
                    %(calls)s,
                    ceil((floor(%(burst)s::float8) - %(beyond)s - yields::integer) / replicas)
                )
            )
            ELSE 0
        END AS permits
        FROM slots
    ) AS first
    ON CONFLICT (account) DO UPDATE SET
        at = excluded.at,
        (level, granted) = (
            SELECT filled + permits, permits
            FROM (
                SELECT
                    filled,
                    CASE
                        WHEN mine > 0
                        THEN greatest(0, least(
                            %(calls)s,
                            ceil((floor(%(burst)s::float8 - filled) - yields::integer) / replicas)
                        ))
                        ELSE 0
                    END AS permits
                FROM (
                    SELECT
                        %(beyond)s + greatest(
                            0,
                            kept.level
                            - greatest(0, excluded.at - kept.at) * %(per_micro)s::float8
                        ) AS filled
                ) AS leaked
                CROSS JOIN slots
            ) AS counted
        )
    RETURNING granted
)
SELECT drawn.granted::integer, slots.mine::integer FROM drawn CROSS JOIN slots;

-- name: nothing
-- Commit something of no consequence, to know that it works.
INSERT INTO consent_sync.tally (slot, name, value) VALUES (mod(pg_backend_pid(), 64), 'checks', 1)
ON CONFLICT (slot, name) DO UPDATE SET value = tally.value + 1;

-- name: layout
-- The newest layout, and the oldest whose programs it works with.
SELECT number, works_with FROM consent_sync.layout ORDER BY number DESC LIMIT 1;

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

-- name: failed_page
-- The next persons of whom something was given up; `person_failed` holds no others.
SELECT id, mapping, person, state FROM consent_sync.person
WHERE failed > 0 AND id > %(after)s AND state IS NOT NULL AND substr(person, 1, 1) <> '\x00'
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
unmarked AS (
    DELETE FROM consent_sync.faded WHERE key = ANY(%(keys)s::bytea[])
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
    SELECT mod(pg_backend_pid(), 64), name, value
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

-- name: compact
-- A person's old records go, and a checkpoint comes, unless somebody has recorded something since or
-- there is something to do: a turn that begins now takes longer than this statement.
WITH mine AS MATERIALIZED (
    SELECT key FROM consent_sync.person
    WHERE key = %(key)s::bytea AND record = %(head)s::bigint
    AND NOT EXISTS (SELECT FROM consent_sync.lane WHERE lane.person = person.key)
    AND NOT EXISTS (SELECT FROM consent_sync.intent WHERE intent.person = person.key)
    FOR UPDATE
),
gone AS (
    DELETE FROM consent_sync.ledger USING mine
    WHERE ledger.id = ANY(%(gone)s::bigint[])
    RETURNING ledger.id
),
unlinked AS (
    UPDATE consent_sync.ledger SET previous = NULL FROM mine WHERE ledger.id = %(oldest)s::bigint
),
told AS (
    INSERT INTO consent_sync.ledger (person, previous, body)
    SELECT key, %(previous)s::bigint, %(body)s::bytea FROM mine WHERE %(body)s::bytea IS NOT NULL
    RETURNING id
),
kept AS (
    UPDATE consent_sync.person SET record = told.id FROM told, mine WHERE person.key = mine.key
)
SELECT count(*) FROM gone;

-- name: quiet_page
-- The next people with their newest records, and whether there is nothing to do about them.
SELECT
    person.id, person.key, person.mapping, person.person, person.state, person.record, ledger.body,
    person.held = 0 AND person.failed = 0 AND person.optout_waiting_since IS NULL
    AND NOT EXISTS (SELECT FROM consent_sync.lane WHERE lane.person = person.key)
    AND NOT EXISTS (SELECT FROM consent_sync.intent WHERE intent.person = person.key)
FROM consent_sync.person LEFT JOIN consent_sync.ledger ON ledger.id = person.record
WHERE person.id > %(after)s
ORDER BY person.id
LIMIT %(limit)s;

-- name: mark_quiet
-- The names of these people are about to be forgotten. `tx` is this transaction.
WITH marked AS (
    INSERT INTO consent_sync.faded (key)
    SELECT key FROM unnest(%(keys)s::bytea[]) AS m (key) ORDER BY key
    ON CONFLICT (key) DO NOTHING
)
SELECT pg_current_xact_id()::text::bigint;

-- name: fade_person
-- From now on somebody is known by a hash alone, unless they have come in since they were marked or
-- somebody has recorded something.
WITH RECURSIVE marked AS MATERIALIZED (
    SELECT key FROM consent_sync.faded WHERE key = %(key)s::bytea AND done = 0 FOR UPDATE
),
mine AS MATERIALIZED (
    SELECT person.key, person.record, person.person
    FROM marked JOIN consent_sync.person ON person.key = marked.key
    WHERE person.record IS NOT DISTINCT FROM %(head)s::bigint
    AND NOT EXISTS (SELECT FROM consent_sync.lane WHERE lane.person = person.key)
    AND NOT EXISTS (SELECT FROM consent_sync.intent WHERE intent.person = person.key)
    FOR UPDATE OF person
),
chain (id, previous) AS (
    SELECT ledger.id, ledger.previous
    FROM mine JOIN consent_sync.ledger ON ledger.id = mine.record
    UNION ALL
    SELECT ledger.id, ledger.previous
    FROM chain JOIN consent_sync.ledger ON ledger.id = chain.previous
),
gone AS (
    DELETE FROM consent_sync.ledger WHERE id IN (SELECT chain.id FROM chain)
),
told AS (
    INSERT INTO consent_sync.ledger (person, body)
    SELECT key, %(body)s::bytea FROM mine WHERE %(body)s::bytea IS NOT NULL
    RETURNING id
),
kept AS (
    UPDATE consent_sync.person
    SET person = %(name)s, state = %(state)s::bytea, record = (SELECT told.id FROM told),
        profile = NULL
    FROM mine WHERE person.key = mine.key
),
finished AS (
    UPDATE consent_sync.faded SET done = 1 FROM mine WHERE faded.key = mine.key
),
counted AS (
    INSERT INTO consent_sync.tally (slot, name, value)
    SELECT mod(pg_backend_pid(), 64), 'persons', -1
    FROM mine WHERE substr(mine.person, 1, 1) <> '\x00'
    ON CONFLICT (slot, name) DO UPDATE SET value = tally.value + excluded.value
)
SELECT count(*) FROM mine;

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
RETURNING name;

-- name: hurry_waiting
-- Turns that failed or wait come at once, those with a refusal that waits before all others.
WITH few AS MATERIALIZED (
    SELECT person FROM consent_sync.lane
    WHERE next_at > 2 AND fence IS NULL AND first_failed_at IS NOT NULL
    ORDER BY next_at
    LIMIT %(limit)s
),
mine AS MATERIALIZED (
    SELECT lane.person, known.optout_waiting_since IS NULL AS later
    FROM few
    JOIN consent_sync.lane USING (person)
    JOIN consent_sync.person AS known ON known.key = lane.person
    WHERE lane.fence IS NULL
    ORDER BY lane.person
    FOR UPDATE OF lane
)
UPDATE consent_sync.lane SET next_at = CASE WHEN mine.later THEN 2 ELSE 1 END
FROM mine
WHERE lane.person = mine.person
RETURNING lane.person;
