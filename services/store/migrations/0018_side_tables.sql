-- What dashboards tell of single readings: how old, how late, what was corrected. Looking that up among years of the
-- ledger takes longer each year, so processors keep it beside the ledger, in the transaction of the batch.

-- Readings that came in more than 31 days after the end of their period: those of one batch, team and thing that is
-- measured. Rows are only added, so that batches never wait for each other. The view dashboard_late, which reads the
-- ledger, stays for dashboards that an older release provisioned.
CREATE TABLE received_late (
    written_at timestamptz NOT NULL,
    batch_id bigint NOT NULL,
    team text NOT NULL,
    kind text NOT NULL,
    category text NOT NULL,
    readings bigint NOT NULL,
    days_late bigint NOT NULL, -- whole days of each, added up
    starts_at timestamptz NOT NULL, -- the earliest
    received_at timestamptz NOT NULL, -- the newest
    PRIMARY KEY (written_at, batch_id, team, kind, category)
);

-- Each revision that took the place of one that counted: how much it was and became, in base units. As people read
-- it, not as transactions happened to be cut: of revisions that came in one batch each took the place of the one
-- below it. One that came behind a higher one never counted, and is not here; neither is a first one, whatever its
-- number. A retraction has no amount, and the start and category of what it takes back.
CREATE TABLE correction (
    written_at timestamptz NOT NULL,
    batch_id bigint NOT NULL,
    source_no integer NOT NULL,
    id text NOT NULL,
    revision integer NOT NULL,
    retracted boolean NOT NULL,
    starts_at timestamptz,
    category text,
    quantity_before bigint,
    unit_before text,
    quantity_after bigint,
    unit_after text,
    PRIMARY KEY (written_at, source_no, id, revision)
);

-- All that ever came late: a panel over all years would be wrong without. There is an index of exactly these rows
-- (measurement_late), so it takes as long as they are many, not as the ledger is long.
INSERT INTO received_late (
    written_at, batch_id, team, kind, category, readings, days_late, starts_at, received_at
)
SELECT min(written_at), batch_id, team, kind, category, count(*),
    sum(extract(day FROM received_at - coalesce(ends_at, starts_at))), min(starts_at), max(received_at)
FROM measurement
JOIN source USING (source_no)
WHERE revision = 1 AND received_at - coalesce(ends_at, starts_at) > interval '31 days'
GROUP BY batch_id, team, kind, category;

-- The corrections that the ledger tells, of all that came: what counted after each batch were the highest revisions up
-- to then; of those that came in it, each took the place of the one below it.
CREATE VIEW ledger_correction AS
WITH known AS (
    SELECT measurement.*, coalesce(quantity, pieces, cost) AS amount,
        CASE WHEN quantity IS NOT NULL THEN unit WHEN pieces IS NOT NULL THEN 'piece' WHEN cost IS NOT NULL THEN 'cent'
            END AS base_unit,
        max(revision) OVER (
            PARTITION BY source_no, id ORDER BY batch_no GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS counted_before
    FROM measurement
    LEFT JOIN batch_log USING (batch_id)
    WHERE (source_no, id) IN (SELECT source_no, id FROM measurement WHERE revision > 1)
), after AS (
    SELECT *, lag(revision) OVER earlier AS before, lag(starts_at) OVER earlier AS starts_before,
        lag(category) OVER earlier AS category_before, lag(amount) OVER earlier AS amount_before,
        lag(base_unit) OVER earlier AS base_unit_before
    FROM known
    WHERE counted_before IS NULL OR revision > counted_before
    WINDOW earlier AS (PARTITION BY source_no, id ORDER BY revision)
)
SELECT written_at, batch_id, source_no, id, revision, retracted, coalesce(starts_at, starts_before) AS starts_at,
    coalesce(category, category_before) AS category, amount_before AS quantity_before, base_unit_before AS unit_before,
    amount AS quantity_after, base_unit AS unit_after
FROM after
WHERE before IS NOT NULL;

-- There is an index of what was revised too (measurement_corrected). What it took the place of may be in any month:
-- where they are many, going through everything once (a minute for 50 million) takes no longer than a look into every
-- month for each, and where they are few that is what is done.
INSERT INTO correction (
    written_at, batch_id, source_no, id, revision, retracted, starts_at, category, quantity_before, unit_before,
    quantity_after, unit_after
)
SELECT * FROM ledger_correction;

-- The oldest moment of receipt of what the batch added; null of batches from before this column. Last
-- of what takes long: whoever reads the batch log waits from here on.
ALTER TABLE batch_log ADD COLUMN oldest_received_at timestamptz;

-- The panel shows the newest twenty batches and nothing else.
UPDATE batch_log
SET oldest_received_at = (SELECT min(received_at) FROM measurement WHERE measurement.batch_id = batch_log.batch_id)
WHERE batch_no IN (SELECT batch_no FROM batch_log WHERE added > 0 ORDER BY batch_no DESC LIMIT 20);

-- For a processor of a release before this one, which says nothing of its oldest moment of receipt: the same of its
-- batch, from the ledger. Of what is there of other batches all was counted before.
CREATE FUNCTION keep_side_tables() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz; -- of all its rows: the indexes of what is late or corrected are by it
BEGIN
    SELECT min(received_at), min(written_at) INTO NEW.oldest_received_at, moment
    FROM measurement
    WHERE batch_id = NEW.batch_id;
    INSERT INTO received_late (
        written_at, batch_id, team, kind, category, readings, days_late, starts_at, received_at
    )
    SELECT moment, batch_id, team, kind, category, count(*),
        sum(extract(day FROM received_at - coalesce(ends_at, starts_at))), min(starts_at), max(received_at)
    FROM measurement
    JOIN source USING (source_no)
    WHERE batch_id = NEW.batch_id AND written_at = moment
        AND revision = 1 AND received_at - coalesce(ends_at, starts_at) > interval '31 days'
    GROUP BY batch_id, team, kind, category;
    INSERT INTO correction (
        written_at, batch_id, source_no, id, revision, retracted, starts_at, category, quantity_before, unit_before,
        quantity_after, unit_after
    )
    SELECT after.written_at, after.batch_id, after.source_no, after.id, after.revision, after.retracted,
        coalesce(after.starts_at, before.starts_at), coalesce(after.category, before.category),
        coalesce(before.quantity, before.pieces, before.cost),
        CASE WHEN before.quantity IS NOT NULL THEN before.unit WHEN before.pieces IS NOT NULL THEN 'piece'
            WHEN before.cost IS NOT NULL THEN 'cent' END,
        coalesce(after.quantity, after.pieces, after.cost),
        CASE WHEN after.quantity IS NOT NULL THEN after.unit WHEN after.pieces IS NOT NULL THEN 'piece'
            WHEN after.cost IS NOT NULL THEN 'cent' END
    FROM measurement AS after
    CROSS JOIN LATERAL (
        SELECT *
        FROM measurement AS lower
        WHERE (lower.source_no, lower.id) = (after.source_no, after.id) AND lower.revision < after.revision
        ORDER BY lower.revision DESC
        LIMIT 1
    ) AS before
    WHERE after.batch_id = NEW.batch_id AND after.written_at = moment AND after.revision > 1
        AND NOT EXISTS (
            SELECT
            FROM measurement AS higher
            WHERE (higher.source_no, higher.id) = (after.source_no, after.id) AND higher.revision > after.revision
                AND higher.batch_id <> after.batch_id
        );
    RETURN NEW;
END $$;
CREATE TRIGGER side_tables_kept BEFORE INSERT ON batch_log
    FOR EACH ROW WHEN (NEW.added > 0 AND NEW.oldest_received_at IS NULL) EXECUTE FUNCTION keep_side_tables();

GRANT SELECT, INSERT ON received_late, correction TO groenmeter_writer;
GRANT SELECT ON received_late, correction TO groenmeter_reader;

-- Seconds between receipt and counting of what the newest batches counted.
CREATE OR REPLACE VIEW dashboard_lag AS
SELECT batch_no, recorded_at, extract(epoch FROM recorded_at - oldest_received_at) AS longest_seconds
FROM batch_log
WHERE added > 0 AND oldest_received_at IS NOT NULL
ORDER BY batch_no DESC
LIMIT 20;

-- Each correction in the unit that people see of its category; without the amount before it if that was in another.
CREATE OR REPLACE VIEW dashboard_correction AS
SELECT batch_log.recorded_at, correction.written_at, source.team, source.kind, source.source, correction.id,
    correction.revision, correction.retracted, correction.starts_at, correction.category,
    CASE WHEN unit_before = shown_unit.base_unit THEN quantity_before::numeric / per END AS amount_before,
    quantity_after::numeric / per AS amount_after, shown_unit.unit
FROM correction
JOIN batch_log USING (batch_id)
JOIN source USING (source_no)
LEFT JOIN shown_unit ON (shown_unit.kind, shown_unit.category, shown_unit.base_unit)
    = (source.kind, correction.category, coalesce(unit_after, unit_before));

-- The newest of one team or, with null, of all.
CREATE OR REPLACE FUNCTION dashboard_corrections(
    since timestamptz, until timestamptz, of_team text, most integer
)
RETURNS TABLE (
    recorded_at timestamptz, team text, kind text, id text, retracted boolean, starts_at timestamptz, category text,
    amount_before numeric, amount_after numeric, unit text
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT recorded_at, team, kind, id, retracted, starts_at, category, amount_before, amount_after, unit
    FROM dashboard_correction
    WHERE written_at BETWEEN since AND until AND (of_team IS NULL OR team = of_team)
    ORDER BY written_at DESC, id
    LIMIT most
$$;
