-- works with: 4

-- Programs before 4 store events without the functions below, and would not give a name back.

-- Whose names are about to be forgotten, and, once `done` is 1, were: they are known by this hash alone. An
-- event that names them takes the row away.
CREATE TABLE consent_sync.faded (
    key bytea PRIMARY KEY,
    done integer NOT NULL DEFAULT 0
);

-- Let events wait for persons, and make their turns due; return how many of the persons nobody had
-- named before or whose name was forgotten, and for how many nothing waited. A link says which event names whom.
CREATE OR REPLACE FUNCTION consent_sync.let_wait(
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
    -- Whose name was forgotten, or is about to be, has it again. In one order everywhere.
    marked AS MATERIALIZED (
        SELECT f.key, f.done FROM consent_sync.faded AS f
        WHERE f.key IN (SELECT l.key FROM links AS l)
        ORDER BY f.key FOR UPDATE
    ),
    unmarked AS (
        DELETE FROM consent_sync.faded USING marked WHERE faded.key = marked.key
    ),
    named AS (
        UPDATE consent_sync.person SET person = again.person
        FROM (
            SELECT DISTINCT ON (l.key) l.key, l.person, m.done
            FROM marked AS m JOIN links AS l ON l.key = m.key ORDER BY l.key
        ) AS again
        WHERE person.key = again.key
        RETURNING again.person, again.done
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
        (SELECT count(*) FROM born AS b WHERE substr(b.person, 1, 1) <> '\x00')
        + (SELECT count(*) FROM named AS n WHERE n.done = 1 AND substr(n.person, 1, 1) <> '\x00'),
        (SELECT count(*) FROM lanes WHERE lanes.place IN (SELECT a.place FROM arrivals AS a))
    ]
    INTO counts;
    RETURN counts;
END
$$;
