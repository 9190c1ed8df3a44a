-- works with: 2

-- The statements of the busiest paths, as functions: the server keeps the plan of a function for as
-- long as a connection to it lives, whoever uses that connection, so nothing is read and planned
-- anew each time, behind a transaction pooler too. A function that is here is never changed in what
-- it takes and returns: programs of two versions call it during an update.
--
-- A kept plan must be right for empty and for full tables: rows are always found by an index.

-- Add to counts, in one order everywhere. Each session adds in a slot of its own, or all of them would
-- wait for the one row.
CREATE FUNCTION consent_sync.count_up(names text[], amounts bigint[]) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO consent_sync.tally (slot, name, value)
    SELECT pg_backend_pid() % 64, given.name, sum(given.amount)
    FROM unnest(names, amounts) AS given (name, amount)
    GROUP BY given.name HAVING sum(given.amount) <> 0
    ORDER BY given.name
    ON CONFLICT (slot, name) DO UPDATE SET value = tally.value + excluded.value;
END
$$;

-- Let events wait for persons, and make their turns due; return how many of the persons nobody had
-- named before, and for how many nothing waited. A link says which event names whom.
CREATE FUNCTION consent_sync.let_wait(
    numbers bigint[], moments bigint[], repeat_keys bytea[],
    link_places bigint[], link_keys bytea[], link_mappings bytea[], link_persons bytea[],
    link_urgencies bigint[]
)
RETURNS bigint[]
LANGUAGE plpgsql
AS $$
DECLARE
    moment constant bigint := consent_sync.now_micros();
    counts bigint[];
BEGIN
    WITH links AS MATERIALIZED (
        SELECT nextval('consent_sync.item_id') AS id, l.*
        FROM unnest(link_places, link_keys, link_mappings, link_persons, link_urgencies)
            AS l (place, key, mapping, person, urgency)
    ),
    born AS (
        INSERT INTO consent_sync.person (key, mapping, person)
        SELECT DISTINCT ON (l.key) l.key, l.mapping, l.person FROM links AS l ORDER BY l.key
        ON CONFLICT (key) DO NOTHING
        RETURNING person.person
    ),
    waits AS (
        INSERT INTO consent_sync.item (id, event, person, received_at, repeat_key)
        SELECT l.id, numbers[l.place], l.key, moments[l.place], repeat_keys[l.place]
        FROM links AS l
    ),
    arrivals AS MATERIALIZED (
        SELECT l.key, min(l.id) AS place, count(*) AS many, min(l.urgency) AS urgency
        FROM links AS l GROUP BY l.key
    ),
    lanes AS (
        INSERT INTO consent_sync.lane (person, next_at, place, pending, arrived, urgency)
        SELECT a.key, moment, a.place, a.many, a.many, a.urgency FROM arrivals AS a ORDER BY a.key
        ON CONFLICT (person) DO UPDATE SET
            -- Which also shows below whether anything waited before.
            place = CASE WHEN lane.pending = 0 THEN excluded.place ELSE lane.place END,
            urgency = least(lane.urgency, excluded.urgency),
            pending = lane.pending + excluded.pending,
            arrived = lane.arrived + excluded.arrived,
            next_at = CASE
                WHEN lane.fence IS NULL THEN least(lane.next_at, excluded.next_at)
                ELSE lane.next_at
            END
        RETURNING lane.place
    )
    SELECT ARRAY[
        (SELECT count(*) FROM born AS b WHERE substr(b.person, 1, 1) <> '\x00'),
        (SELECT count(*) FROM lanes WHERE lanes.place IN (SELECT a.place FROM arrivals AS a))
    ]
    INTO counts;
    RETURN counts;
END
$$;

-- Store what is new, let it wait for its persons, and make their turns due; return the places of
-- what is new, or nothing when all of it is. `asks` marks an event that is new only if one of its
-- persons has no equal one waiting untaken. A link says which event names whom, and with which
-- tombstones that person is kept out.
CREATE FUNCTION consent_sync.accept(
    sources text[], mappings bytea[], types bytea[], moments bigint[],
    keys bytea[], repeat_keys bytea[], asks boolean[], bodies bytea[],
    link_places bigint[], link_asks boolean[], link_keys bytea[],
    link_mappings bytea[], link_persons bytea[], link_everywhere bytea[], link_own bytea[],
    link_urgencies bigint[]
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
    -- Before the first look at the tombstones: an erasure waits until all transactions with a lower
    -- number than its own have ended.
    own_number constant xid8 := pg_current_xact_id();
    some_barred boolean;
    emptied bigint[] := '{}';
    lacking bigint[];
    numbers bigint[];
    stored bigint[];
    names text[];
    fresh bigint[];
    counts bigint[] := '{0, 0}';
    nothing text;
BEGIN
    -- Few statements: each costs about as much as storing an event.
    SELECT
        EXISTS (
            SELECT FROM consent_sync.tombstone
            WHERE mark = ANY(link_everywhere || link_own) AND lifted_at IS NULL
        ),
        CASE WHEN NOT (
            true = ANY(asks)
            OR EXISTS (SELECT FROM consent_sync.event WHERE event.key = ANY(keys))
            OR EXISTS (SELECT FROM consent_sync.seen WHERE seen.key = ANY(keys))
        ) THEN ARRAY(SELECT nextval('consent_sync.event_id') FROM unnest(asks)) END
    INTO some_barred, numbers;

    IF some_barred THEN
        -- Events about nobody but the erased are kept without what they say.
        WITH named AS MATERIALIZED (
            SELECT l.*, EXISTS (
                SELECT FROM consent_sync.tombstone
                WHERE mark IN (l.everywhere, l.own) AND lifted_at IS NULL
            ) AS barred
            FROM unnest(
                link_places, link_asks, link_keys, link_mappings, link_persons,
                link_everywhere, link_own, link_urgencies
            ) WITH ORDINALITY AS l (n, asks, key, mapping, person, everywhere, own, urgency, place)
        )
        SELECT
            coalesce(array_agg(l.n ORDER BY l.place) FILTER (WHERE NOT l.barred), '{}'),
            coalesce(array_agg(l.asks ORDER BY l.place) FILTER (WHERE NOT l.barred), '{}'),
            coalesce(array_agg(l.key ORDER BY l.place) FILTER (WHERE NOT l.barred), '{}'),
            coalesce(array_agg(l.mapping ORDER BY l.place) FILTER (WHERE NOT l.barred), '{}'),
            coalesce(array_agg(l.person ORDER BY l.place) FILTER (WHERE NOT l.barred), '{}'),
            coalesce(array_agg(l.urgency ORDER BY l.place) FILTER (WHERE NOT l.barred), '{}'),
            ARRAY(SELECT n FROM named GROUP BY n HAVING bool_and(barred))
        INTO
            link_places, link_asks, link_keys, link_mappings, link_persons, link_urgencies, emptied
        FROM named AS l;
    END IF;

    IF numbers IS NULL THEN
        lacking := emptied || ARRAY(
            SELECT l.n
            FROM unnest(link_places, link_asks, link_keys) AS l (n, asks, key)
            WHERE l.asks AND NOT EXISTS (
                SELECT FROM consent_sync.item LEFT JOIN consent_sync.lane USING (person)
                WHERE item.repeat_key = repeat_keys[l.n]
                AND item.person = l.key AND item.id > coalesce(lane.taken, 0)
            )
        );
        numbers := ARRAY(
            SELECT CASE
                WHEN CASE
                    WHEN a.asks THEN a.n = ANY(lacking)
                    ELSE NOT EXISTS (SELECT FROM consent_sync.event WHERE event.key = a.key)
                        AND NOT EXISTS (SELECT FROM consent_sync.seen WHERE seen.key = a.key)
                END THEN nextval('consent_sync.event_id')
            END
            FROM unnest(asks, keys) WITH ORDINALITY AS a (asks, key, n)
        );
    END IF;

    WITH kept AS (
        INSERT INTO consent_sync.event (id, source, mapping, type, received_at, key, problem, body)
        SELECT
            g.id, g.source, g.mapping, g.type, g.moment, g.key,
            CASE WHEN g.n = ANY(emptied) THEN 'erased'::bytea ELSE '' END,
            CASE WHEN g.n = ANY(emptied) THEN '' ELSE g.body END
        FROM unnest(numbers, sources, mappings, types, moments, keys, bodies)
            WITH ORDINALITY AS g (id, source, mapping, type, moment, key, body, n)
        WHERE g.id IS NOT NULL
        -- In one order everywhere, or two replicas that get the same events wait for each other.
        ORDER BY g.key
        -- Another replica may store the same at this moment.
        ON CONFLICT (key) DO NOTHING
        RETURNING event.id, event.source
    )
    SELECT coalesce(array_agg(kept.id), '{}'), coalesce(array_agg('events:' || kept.source), '{}')
    INTO stored, names
    FROM kept;

    IF cardinality(stored) < cardinality(numbers) THEN
        fresh := ARRAY(
            SELECT g.n FROM unnest(numbers) WITH ORDINALITY AS g (id, n) WHERE g.id = ANY(stored)
        );
        SELECT
            coalesce(array_agg(l.n ORDER BY l.place), '{}'),
            coalesce(array_agg(l.key ORDER BY l.place), '{}'),
            coalesce(array_agg(l.mapping ORDER BY l.place), '{}'),
            coalesce(array_agg(l.person ORDER BY l.place), '{}'),
            coalesce(array_agg(l.urgency ORDER BY l.place), '{}')
        INTO link_places, link_keys, link_mappings, link_persons, link_urgencies
        FROM unnest(link_places, link_keys, link_mappings, link_persons, link_urgencies)
            WITH ORDINALITY AS l (n, key, mapping, person, urgency, place)
        WHERE l.n = ANY(fresh);
    END IF;
    IF cardinality(link_places) > 0 THEN
        counts := consent_sync.let_wait(
            numbers, moments, repeat_keys,
            link_places, link_keys, link_mappings, link_persons, link_urgencies
        );
    END IF;
    nothing := consent_sync.count_up(
        names || ARRAY['persons', 'waiting'],
        array_fill(1::bigint, ARRAY[cardinality(stored)]) || counts
    );
    RETURN fresh;
END
$$;

-- Let a stored event wait again for these persons, unless it still does; a refused one is accepted.
-- Returns whether there is such an event.
CREATE FUNCTION consent_sync.replay(
    number bigint, moment bigint,
    link_keys bytea[], link_mappings bytea[], link_persons bytea[],
    link_everywhere bytea[], link_own bytea[]
)
RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
    -- As in `accept`: before the first look at the tombstones.
    own_number constant xid8 := pg_current_xact_id();
    origin text;
    was integer;
    again bigint;
    counts bigint[];
BEGIN
    SELECT event.source, event.status INTO origin, was
    FROM consent_sync.event WHERE event.id = number FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE consent_sync.event SET status = 0, problem = ''
    WHERE event.id = number AND event.status <> 0;
    again := CASE WHEN was = 0 THEN 0 ELSE 1 END;
    SELECT
        coalesce(array_agg(l.key ORDER BY l.place), '{}'),
        coalesce(array_agg(l.mapping ORDER BY l.place), '{}'),
        coalesce(array_agg(l.person ORDER BY l.place), '{}')
    INTO link_keys, link_mappings, link_persons
    FROM unnest(link_keys, link_mappings, link_persons, link_everywhere, link_own)
        WITH ORDINALITY AS l (key, mapping, person, everywhere, own, place)
    WHERE NOT EXISTS (
        SELECT FROM consent_sync.tombstone WHERE mark IN (l.everywhere, l.own) AND lifted_at IS NULL
    )
    AND NOT EXISTS (
        SELECT FROM consent_sync.item WHERE item.event = number AND item.person = l.key
    );
    counts := consent_sync.let_wait(
        ARRAY[number], ARRAY[moment], ARRAY[NULL::bytea],
        array_fill(1::bigint, ARRAY[cardinality(link_keys)]),
        link_keys, link_mappings, link_persons,
        -- Nobody has judged it, so it counts as an opt-out.
        array_fill(0::bigint, ARRAY[cardinality(link_keys)])
    );
    PERFORM consent_sync.count_up(
        ARRAY['events:' || origin, 'refused:' || origin, 'persons', 'waiting'],
        ARRAY[again, -again] || counts
    );
    RETURN true;
END
$$;
