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

-- Let events wait for persons, and make their turns due. `people` is how many of them nobody had
-- named before, `waiting` for how many nothing waited.
CREATE FUNCTION consent_sync.let_wait(
    events bigint[], moments bigint[], repeat_keys bytea[],
    keys bytea[], mappings bytea[], persons bytea[], urgencies bigint[],
    OUT people bigint, OUT waiting bigint
)
LANGUAGE plpgsql
AS $$
DECLARE
    moment constant bigint := consent_sync.now_micros();
    named bytea[];
    places bigint[];
    many integer[];
    hurries bigint[];
BEGIN
    WITH born AS (
        INSERT INTO consent_sync.person (key, mapping, person)
        SELECT DISTINCT ON (g.key) g.key, g.mapping, g.person
        FROM unnest(keys, mappings, persons) AS g (key, mapping, person)
        ORDER BY g.key
        ON CONFLICT (key) DO NOTHING
        RETURNING person.person
    )
    SELECT count(*) INTO people FROM born WHERE substr(born.person, 1, 1) <> '\x00';

    WITH waits AS (
        INSERT INTO consent_sync.item (event, person, received_at, repeat_key)
        SELECT g.event, g.key, g.moment, g.repeat_key
        FROM unnest(events, keys, moments, repeat_keys)
            WITH ORDINALITY AS g (event, key, moment, repeat_key, n)
        ORDER BY g.n
        RETURNING item.id, item.person
    ),
    arrivals AS (
        SELECT waits.person, min(waits.id) AS place, count(*) AS many FROM waits GROUP BY waits.person
    )
    SELECT array_agg(a.person ORDER BY a.person), array_agg(a.place ORDER BY a.person),
        array_agg(a.many ORDER BY a.person)
    INTO named, places, many
    FROM arrivals AS a;

    hurries := ARRAY(
        SELECT min(g.urgency) FROM unnest(keys, urgencies) AS g (key, urgency)
        GROUP BY g.key ORDER BY g.key
    );
    WITH lanes AS (
        INSERT INTO consent_sync.lane (person, next_at, place, pending, arrived, urgency)
        SELECT g.person, moment, g.place, g.many, g.many, g.urgency
        FROM unnest(named, places, many, hurries) AS g (person, place, many, urgency)
        ON CONFLICT (person) DO UPDATE SET
            urgency = least(lane.urgency, excluded.urgency),
            pending = lane.pending + excluded.pending,
            arrived = lane.arrived + excluded.arrived,
            next_at = CASE
                WHEN lane.fence IS NULL THEN least(lane.next_at, excluded.next_at)
                ELSE lane.next_at
            END
        RETURNING lane.pending
    ),
    -- One after the other, as they were given.
    numbered AS (SELECT lanes.pending, row_number() OVER () AS n FROM lanes)
    SELECT count(*) INTO waiting FROM numbered WHERE numbered.pending = many[numbered.n];
END
$$;

-- Store what is new, let it wait for its persons, and make their turns due; return the places of
-- what is new. `asks` marks an event that is new only if one of its persons has no equal one waiting
-- untaken. A link says which event names whom, and with which tombstones that person is kept out.
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
    emptied bigint[] := '{}';
    lacking bigint[] := '{}';
    numbers bigint[];
    stored bigint[];
    fresh bigint[];
    people bigint := 0;
    waiting bigint := 0;
BEGIN
    IF EXISTS (
        SELECT FROM consent_sync.tombstone
        WHERE mark = ANY(link_everywhere || link_own) AND lifted_at IS NULL
    ) THEN
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

    IF true = ANY(asks) THEN
        lacking := emptied || ARRAY(
            SELECT l.n
            FROM unnest(link_places, link_asks, link_keys) AS l (n, asks, key)
            WHERE l.asks AND NOT EXISTS (
                SELECT FROM consent_sync.item LEFT JOIN consent_sync.lane USING (person)
                WHERE item.repeat_key = repeat_keys[l.n]
                AND item.person = l.key AND item.id > coalesce(lane.taken, 0)
            )
        );
    END IF;

    numbers := ARRAY(
        SELECT CASE WHEN NOT a.asks OR a.n = ANY(lacking) THEN nextval('consent_sync.event_id') END
        FROM unnest(asks) WITH ORDINALITY AS a (asks, n)
    );
    WITH kept AS (
        INSERT INTO consent_sync.event (id, source, mapping, type, received_at, key, problem, body)
        SELECT
            g.id, g.source, g.mapping, g.type, g.moment, g.key,
            CASE WHEN g.n = ANY(emptied) THEN 'erased'::bytea ELSE '' END,
            CASE WHEN g.n = ANY(emptied) THEN '' ELSE g.body END
        FROM unnest(numbers, sources, mappings, types, moments, keys, bodies)
            WITH ORDINALITY AS g (id, source, mapping, type, moment, key, body, n)
        WHERE g.id IS NOT NULL AND (
            g.key IS NULL OR NOT EXISTS (SELECT FROM consent_sync.seen WHERE seen.key = g.key)
        )
        -- In one order everywhere, or two replicas that get the same events wait for each other.
        ORDER BY g.key
        ON CONFLICT (key) DO NOTHING
        RETURNING event.id
    )
    SELECT coalesce(array_agg(kept.id), '{}') INTO stored FROM kept;

    fresh := ARRAY(
        SELECT g.n FROM unnest(numbers) WITH ORDINALITY AS g (id, n) WHERE g.id = ANY(stored)
    );
    IF cardinality(fresh) = 0 THEN
        RETURN fresh;
    END IF;
    IF cardinality(fresh) < cardinality(numbers) THEN
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
        SELECT w.people, w.waiting INTO people, waiting
        FROM consent_sync.let_wait(
            ARRAY(SELECT numbers[n] FROM unnest(link_places) AS l (n)),
            ARRAY(SELECT moments[n] FROM unnest(link_places) AS l (n)),
            ARRAY(SELECT repeat_keys[n] FROM unnest(link_places) AS l (n)),
            link_keys, link_mappings, link_persons, link_urgencies
        ) AS w;
    END IF;
    PERFORM consent_sync.count_up(
        ARRAY['persons', 'waiting'] || ARRAY(SELECT 'events:' || sources[n] FROM unnest(fresh) AS f (n)),
        ARRAY[people, waiting] || array_fill(1::bigint, ARRAY[cardinality(fresh)])
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
    people bigint;
    waiting bigint;
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
    SELECT w.people, w.waiting INTO people, waiting
    FROM consent_sync.let_wait(
        array_fill(number, ARRAY[cardinality(link_keys)]),
        array_fill(moment, ARRAY[cardinality(link_keys)]),
        array_fill(NULL::bytea, ARRAY[cardinality(link_keys)]),
        link_keys, link_mappings, link_persons,
        -- Nobody has judged it, so it counts as an opt-out.
        array_fill(0::bigint, ARRAY[cardinality(link_keys)])
    ) AS w;
    PERFORM consent_sync.count_up(
        ARRAY['events:' || origin, 'refused:' || origin, 'persons', 'waiting'],
        ARRAY[again, -again, people, waiting]
    );
    RETURN true;
END
$$;
