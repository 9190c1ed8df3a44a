-- works with: 2

-- The turns, in functions too; see the step before.

-- Take due lanes that nobody else is taking, and read what their turns start from: a row for each
-- item, the oldest first, or one without an item. `served` are the urgencies in the order in which
-- they are served; within one the oldest come first. The lease starts now. A person's own values
-- stand in the first row only.
CREATE FUNCTION consent_sync.claim(
    most bigint, lease bigint, new_fence bigint, most_items bigint, served bigint[]
)
RETURNS TABLE (
    person bytea, rank bigint, mapping bytea, name bytea, state bytea,
    attempts integer, first_failed_at bigint, intents bytea[], intent bigint,
    item bigint, received_at bigint,
    event bigint, source text, event_mapping bytea, type bytea, body bytea
)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
    moment constant bigint := consent_sync.now_micros();
    persons bytea[];
BEGIN
    -- A claim that is lost with the server is nobody's loss: its turns can record nothing then, and
    -- what they record makes the claim durable, too.
    PERFORM set_config('synchronous_commit', 'off', true);
    WITH due AS MATERIALIZED (
        SELECT found.person, found.due_at, found.place, found.urgency
        FROM unnest(served) WITH ORDINALITY AS part (urgency, n)
        CROSS JOIN LATERAL (
            SELECT lane.person, lane.next_at AS due_at, lane.place, lane.urgency
            FROM consent_sync.lane
            WHERE lane.urgency = part.urgency AND lane.next_at <= moment
            ORDER BY lane.next_at, lane.place
            LIMIT most
            FOR UPDATE SKIP LOCKED
        ) AS found
        LIMIT most
    ),
    claimed AS (
        UPDATE consent_sync.lane SET
            next_at = moment + lease,
            fence = new_fence,
            taken = (SELECT last_value FROM consent_sync.item_id),
            arrived = 0,
            uneasy = false
        FROM due
        WHERE lane.person = due.person
        RETURNING due.urgency, due.due_at, due.place, lane.person
    )
    SELECT array_agg(c.person ORDER BY c.urgency, c.due_at, c.place, c.person) INTO persons
    FROM claimed AS c;
    IF persons IS NULL THEN
        RETURN;
    END IF;
    -- Apart from the claim, because only a view of the database taken after the claim is sure to
    -- hold what the turn before has left.
    RETURN QUERY
    SELECT
        f.key, f.rank, f.mapping, f.name, CASE WHEN f.rank = 1 THEN f.state END,
        f.attempts, f.first_failed_at,
        CASE WHEN f.rank = 1 THEN coalesce(n.bodies, '{}') END, n.newest,
        f.item, f.received_at, f.id, f.source, f.event_mapping, f.type, f.body
    FROM (
        SELECT
            p.key, row_number() OVER (PARTITION BY wanted.n ORDER BY i.id) AS rank,
            p.mapping, p.person AS name, p.state, lane.attempts, lane.first_failed_at,
            i.id AS item, i.received_at, e.id, e.source, e.mapping AS event_mapping, e.type, e.body
        FROM unnest(persons) WITH ORDINALITY AS wanted (key, n)
        JOIN consent_sync.person AS p ON p.key = wanted.key
        JOIN consent_sync.lane ON lane.person = wanted.key
        LEFT JOIN LATERAL (
            SELECT own.id, own.received_at, own.event
            FROM consent_sync.item AS own
            WHERE own.person = wanted.key AND own.id <= lane.taken
            ORDER BY own.id
            LIMIT most_items
        ) AS i ON true
        LEFT JOIN consent_sync.event AS e ON e.id = i.event
        ORDER BY wanted.n, i.id
    ) AS f
    LEFT JOIN LATERAL (
        SELECT array_agg(own.body ORDER BY own.id) AS bodies, max(own.id) AS newest
        FROM consent_sync.intent AS own
        WHERE own.person = f.key AND f.rank = 1
    ) AS n ON true;
END
$$;

-- Remember writes that are about to be sent, and keep what led to them; only where the turn still
-- has its lease. `kept` are the places of those turns, `extended` of those whose lease started anew,
-- because a good part of it had passed.
CREATE FUNCTION consent_sync.announce(
    persons bytea[], fences bigint[], writes bytea[], states bytea[], records bytea[], lease bigint,
    OUT kept bigint[], OUT extended bigint[]
)
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    moment constant bigint := consent_sync.now_micros();
BEGIN
    WITH mine AS MATERIALIZED (
        SELECT
            g.*, p.record AS previous, lane.next_at - moment < lease / 6 * 5 AS late,
            CASE WHEN g.record IS NOT NULL THEN nextval('consent_sync.ledger_id_seq') END AS number
        FROM unnest(persons, fences, writes, states, records)
            WITH ORDINALITY AS g (person, fence, writes, state, record, n)
        JOIN consent_sync.lane ON lane.person = g.person AND lane.fence = g.fence
        JOIN consent_sync.person AS p ON p.key = g.person
        ORDER BY lane.person
        FOR UPDATE OF lane
    ),
    leased AS (
        UPDATE consent_sync.lane SET next_at = moment + lease
        FROM mine WHERE lane.person = mine.person AND mine.late
    ),
    told AS (
        INSERT INTO consent_sync.ledger (id, person, previous, body)
        SELECT mine.number, mine.person, mine.previous, mine.record
        FROM mine WHERE mine.record IS NOT NULL
    ),
    seen AS (
        UPDATE consent_sync.person SET state = mine.state, record = mine.number
        FROM mine WHERE person.key = mine.person AND mine.record IS NOT NULL
    ),
    forgotten AS (
        DELETE FROM consent_sync.intent USING mine
        WHERE intent.person = mine.person AND mine.record IS NOT NULL
    ),
    noted AS (
        INSERT INTO consent_sync.intent (person, fence, body)
        SELECT mine.person, mine.fence, mine.writes FROM mine
    )
    SELECT
        coalesce(array_agg(mine.n), '{}'),
        coalesce(array_agg(mine.n) FILTER (WHERE mine.late), '{}')
    INTO kept, extended
    FROM mine;
END
$$;

-- Record how turns ended, only where they still have their lease; return the places of those.
-- `delays` is empty where a turn need not come again by itself; `finishes` counts the items done and
-- moved, `handed` those handed out; `intents` is the newest announcement that the turn knew.
-- What is done or moved belongs to the turn at that place.
CREATE FUNCTION consent_sync.settle(
    persons bytea[], fences bigint[], states bytea[], records bytea[],
    holds bigint[], failures bigint[], optouts bigint[], profiles bytea[],
    delays bigint[], tries bigint[], first_failures bigint[],
    handed bigint[], finishes bigint[], intents bigint[],
    done bigint[], done_places bigint[], moved bigint[], moved_places bigint[],
    link_keys bytea[], link_mappings bytea[], link_persons bytea[],
    link_everywhere bytea[], link_own bytea[]
)
RETURNS bigint[]
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    -- As in `accept`: before the first look at the tombstones.
    own_number constant xid8 := pg_current_xact_id();
    moment constant bigint := consent_sync.now_micros();
    places bigint[];
    hurries bigint[];
    holding bigint;
    failing bigint;
    through bigint;
    counts bigint[] := '{0, 0}';
    nothing text;
    move_events bigint[];
    move_moments bigint[];
    move_keys bytea[];
BEGIN
    WITH mine AS MATERIALIZED (
        SELECT
            g.*, p.record AS previous, p.held AS was_held, p.failed AS was_failed,
            lane.pending, lane.arrived, lane.uneasy, lane.urgency
        FROM unnest(
            persons, fences, states, records, holds, failures, optouts, profiles,
            delays, tries, first_failures, handed, finishes, intents
        ) WITH ORDINALITY AS g (
            person, fence, state, record, held, failed, optout, profile,
            delay, attempts, first_failed_at, handed, finished, intent, n
        )
        JOIN consent_sync.lane ON lane.person = g.person AND lane.fence = g.fence
        JOIN consent_sync.person AS p ON p.key = g.person
        ORDER BY lane.person
        FOR UPDATE OF lane
    ),
    ended AS MATERIALIZED (
        SELECT
            m.*,
            m.pending - m.finished AS remaining,
            m.delay IS NULL AND m.pending = m.finished AND NOT m.uneasy AS over,
            -- With a due moment and progress the rest of a long line is due; without any, only what
            -- came meanwhile is, or a person with a long line would be tried again without a pause.
            m.uneasy OR CASE
                WHEN m.delay IS NULL THEN m.pending > m.finished
                WHEN m.finished > 0 THEN m.pending > m.handed
                ELSE m.arrived > 0
            END AS at_once,
            CASE WHEN m.record IS NOT NULL THEN nextval('consent_sync.ledger_id_seq') END AS number
        FROM mine AS m
    ),
    told AS (
        INSERT INTO consent_sync.ledger (id, person, previous, body)
        SELECT e.number, e.person, e.previous, e.record FROM ended AS e WHERE e.record IS NOT NULL
    ),
    kept AS (
        UPDATE consent_sync.person SET
            state = e.state,
            record = coalesce(e.number, e.previous),
            turn = e.fence,
            held = e.held,
            failed = e.failed,
            optout_waiting_since = e.optout,
            profile = e.profile
        FROM ended AS e
        WHERE person.key = e.person
    ),
    finished AS (
        DELETE FROM consent_sync.item
        USING unnest(done, done_places) AS d (id, n), ended AS e
        WHERE item.id = d.id AND e.n = d.n
    ),
    forgotten AS (
        DELETE FROM consent_sync.intent USING ended AS e
        WHERE intent.person = e.person AND (intent.fence = e.fence OR intent.id <= e.intent)
    ),
    gone AS (
        DELETE FROM consent_sync.lane USING ended AS e WHERE lane.person = e.person AND e.over
    ),
    again AS (
        UPDATE consent_sync.lane SET
            next_at = moment + CASE WHEN e.at_once THEN 0 ELSE coalesce(e.delay, 0) END,
            fence = NULL,
            taken = 0,
            arrived = 0,
            pending = e.remaining,
            -- A write to try anew waits with others of its kind, and a mere look behind all others.
            urgency = CASE
                WHEN e.optout IS NOT NULL THEN 0
                WHEN e.remaining > 0 THEN e.urgency
                WHEN e.attempts > 0 THEN 1
                ELSE 2
            END,
            attempts = e.attempts,
            first_failed_at = e.first_failed_at
        FROM ended AS e
        WHERE lane.person = e.person AND NOT e.over
    )
    SELECT
        coalesce(array_agg(e.n), '{}'), array_agg(e.urgency),
        sum(e.held - e.was_held), sum(e.failed - e.was_failed),
        count(*) FILTER (WHERE e.finished > 0 AND e.remaining = 0)
    INTO places, hurries, holding, failing, through
    FROM ended AS e;

    IF cardinality(moved) > 0 THEN
        WITH asked AS MATERIALIZED (
            SELECT m.*, EXISTS (
                SELECT FROM consent_sync.tombstone
                WHERE mark IN (m.everywhere, m.own) AND lifted_at IS NULL
            ) AS barred
            FROM unnest(
                moved, moved_places, link_keys, link_mappings, link_persons,
                link_everywhere, link_own
            ) WITH ORDINALITY AS m (id, n, key, mapping, person, everywhere, own, place)
            WHERE m.n = ANY(places)
        ),
        taken AS (
            DELETE FROM consent_sync.item USING asked WHERE item.id = asked.id
            RETURNING item.event, item.received_at, item.repeat_key, asked.*
        ),
        -- Events of somebody who turns out to be erased: what they say goes where nobody waits.
        emptied AS (
            UPDATE consent_sync.event SET body = '', problem = 'erased'
            FROM taken
            WHERE taken.barred AND event.id = taken.event AND NOT EXISTS (
                SELECT FROM consent_sync.item AS other
                WHERE other.event = taken.event
                AND other.id <> ALL(ARRAY(SELECT asked.id FROM asked WHERE asked.barred))
            )
        )
        SELECT
            array_agg(t.event ORDER BY t.place), array_agg(t.received_at ORDER BY t.place),
            array_agg(t.repeat_key ORDER BY t.place), array_agg(t.key ORDER BY t.place),
            array_agg(t.mapping ORDER BY t.place), array_agg(t.person ORDER BY t.place),
            array_agg(hurries[array_position(places, t.n)] ORDER BY t.place)
        INTO
            move_events, move_moments, move_keys, link_keys, link_mappings, link_persons, hurries
        FROM taken AS t WHERE NOT t.barred;
        IF move_events IS NOT NULL THEN
            counts := consent_sync.let_wait(
                move_events, move_moments, move_keys,
                ARRAY(SELECT generate_series(1, cardinality(move_events))::bigint),
                link_keys, link_mappings, link_persons, hurries
            );
        END IF;
    END IF;
    nothing := consent_sync.count_up(
        ARRAY['held', 'failed', 'waiting', 'persons', 'waiting'],
        ARRAY[holding, failing, -through] || counts
    );
    RETURN places;
END
$$;
