-- What eight years of days add up to is slow to read: a hospital has hundreds of thousands of them. So the sums of
-- months are kept as well.
CREATE TABLE rollup_month (
    leaf_no integer NOT NULL,
    month date NOT NULL,
    quantity numeric NOT NULL,
    readings bigint NOT NULL,
    PRIMARY KEY (leaf_no, month)
);
INSERT INTO rollup_month (leaf_no, month, quantity, readings)
SELECT leaf_no, date_trunc('month', day::timestamp)::date, sum(quantity), sum(readings)
FROM rollup_day
GROUP BY 1, 2;

-- For whoever changes days and does not keep the months: a processor of a release before this one. Ours do, in one
-- statement for a batch, and say so in each connection: by row it would take half as long again as all else that the
-- database does for a reading a day. By row it is here, because that keeps the order of locks: all days of a
-- statement, then their months, both sorted. Triggers for the statement would take the months of its new rows and
-- those of its changed rows one after the other, and two batches could wait for each other.
CREATE FUNCTION add_to_month() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO rollup_month AS known (leaf_no, month, quantity, readings)
    VALUES (
        coalesce(NEW.leaf_no, OLD.leaf_no), date_trunc('month', coalesce(NEW.day, OLD.day)::timestamp),
        coalesce(NEW.quantity, 0) - coalesce(OLD.quantity, 0), coalesce(NEW.readings, 0) - coalesce(OLD.readings, 0)
    )
    ON CONFLICT (leaf_no, month) DO UPDATE
    SET quantity = known.quantity + excluded.quantity, readings = known.readings + excluded.readings;
    RETURN NULL;
END $$;
CREATE TRIGGER months_kept AFTER INSERT OR DELETE OR UPDATE ON rollup_day
    FOR EACH ROW WHEN (current_setting('groenmeter.months', true) IS DISTINCT FROM 'kept')
    EXECUTE FUNCTION add_to_month();

GRANT SELECT, INSERT, UPDATE (quantity, readings) ON rollup_month TO groenmeter_writer;
GRANT SELECT ON rollup_month TO groenmeter_reader;

-- What dashboards add up: the sums of each leaf come first, and only they get names, units and factors.

-- What each leaf has in [first_day, end_day), by day, week, month or year, with the names that people see: of months and
-- years the sums of months where all of a month is in the range, else of days. `newest` is the leaf's last day with data.
-- A row without amount and readings is a reading that was retracted: it is not there.
CREATE FUNCTION dashboard_sums(per text, first_day date, end_day date)
RETURNS TABLE (
    start date, team text, site text, kind text, category text, flow text, method text, detail boolean,
    base_unit text, quantity numeric, readings numeric, unit text, amount numeric, nl text, en text, newest date
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH chosen AS MATERIALIZED (
        SELECT first_day AS first, end_day AS after
    ), whole AS MATERIALIZED (
        SELECT first, after, month_from, greatest(month_from, date_trunc('month', after::timestamp)::date) AS month_to
        FROM chosen
        CROSS JOIN LATERAL (
            SELECT CASE WHEN per IN ('month', 'year')
                THEN date_trunc('month', first + interval '1 month' - interval '1 day')::date ELSE after END
        ) AS months (month_from)
    ), day_span AS MATERIALIZED (
        SELECT first, least(month_from, after) AS after FROM whole
        UNION ALL
        SELECT month_to, after FROM whole
    )
    SELECT greatest(summed.bucket, (SELECT first FROM chosen)), summed.team, summed.site, summed.kind, summed.category,
        summed.flow, summed.method, summed.detail, summed.unit, summed.quantity, summed.readings,
        shown_unit.unit, summed.quantity / shown_unit.per, catalogue_name.nl, catalogue_name.en,
        (
            SELECT max(day)
            FROM rollup_day
            WHERE rollup_day.leaf_no = summed.leaf_no
                AND day >= (SELECT first FROM chosen) AND day < (SELECT after FROM chosen)
                AND (rollup_day.quantity <> 0 OR rollup_day.readings <> 0)
        )
    FROM (
        SELECT leaf.*, date_trunc(per, day::timestamp)::date AS bucket, sum(quantity) AS quantity,
            sum(readings) AS readings
        FROM leaf
        CROSS JOIN LATERAL (
            SELECT month AS day, quantity, readings
            FROM rollup_month
            WHERE rollup_month.leaf_no = leaf.leaf_no
                AND month >= (SELECT month_from FROM whole) AND month < (SELECT month_to FROM whole)
            UNION ALL
            SELECT day, quantity, readings
            FROM day_span
            JOIN rollup_day ON rollup_day.leaf_no = leaf.leaf_no AND day >= first AND day < after
        ) AS part
        GROUP BY leaf.leaf_no, bucket
        HAVING sum(quantity) <> 0 OR sum(readings) <> 0
    ) AS summed
    JOIN catalogue_name USING (kind, category)
    JOIN shown_unit ON (shown_unit.kind, shown_unit.category, shown_unit.base_unit)
        = (summed.kind, summed.category, summed.unit)
$$;

-- The same of a kind with kg CO2e on a basis, by the rules of the totals: `current` by the factor of the day,
-- `constant` by the one that held at the end of the reference year; null without one. A bucket in which another
-- factor begins is a row for each: within a row all days have the same.
CREATE FUNCTION dashboard_co2e_sums(
    of_kind text, on_chain text, on_market text, per text, first_day date, end_day date
)
RETURNS TABLE (
    start date, team text, site text, kind text, category text, flow text, method text, detail boolean,
    base_unit text, quantity numeric, readings numeric, unit text, amount numeric, nl text, en text,
    current numeric, constant numeric
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH factor AS MATERIALIZED (
        SELECT *
        FROM factors_known('infinity') AS known
        WHERE known.kind = of_kind AND known.chain = on_chain AND known.market = on_market
    ), edge AS MATERIALIZED (
        SELECT DISTINCT day, date_trunc('month', day::timestamp)::date AS month
        FROM factor
        CROSS JOIN unnest(ARRAY[valid_from, valid_to]) AS day
    ), chosen AS MATERIALIZED (
        SELECT first_day AS first, end_day AS after
    ), whole AS MATERIALIZED (
        SELECT first, after, month_from, greatest(month_from, date_trunc('month', after::timestamp)::date) AS month_to
        FROM chosen
        CROSS JOIN LATERAL (
            SELECT CASE WHEN per IN ('month', 'year')
                THEN date_trunc('month', first + interval '1 month' - interval '1 day')::date ELSE after END
        ) AS months (month_from)
    ), broken AS MATERIALIZED (
        SELECT DISTINCT month FROM edge, whole WHERE day > month AND month >= month_from AND month < month_to
    ), day_span AS MATERIALIZED (
        SELECT first, least(month_from, after) AS after FROM whole
        UNION ALL
        SELECT month_to, after FROM whole
        UNION ALL
        SELECT month, (month + interval '1 month')::date FROM broken
    )
    SELECT greatest(summed.bucket, (SELECT first FROM chosen)), summed.team, summed.site, summed.kind, summed.category,
        summed.flow, summed.method, summed.detail, summed.unit, summed.quantity, summed.readings,
        shown_unit.unit, summed.quantity / shown_unit.per, catalogue_name.nl, catalogue_name.en,
        summed.quantity * current.kg_co2e / current.base_units_per_unit,
        summed.quantity * constant.kg_co2e / constant.base_units_per_unit
    FROM (
        SELECT leaf.*, meter, date_trunc(per, day::timestamp)::date AS bucket, min(day) AS day,
            sum(quantity) AS quantity, sum(readings) AS readings
        FROM leaf
        CROSS JOIN LATERAL (
            SELECT NULL::text AS meter, month AS day, quantity, readings
            FROM rollup_month
            WHERE rollup_month.leaf_no = leaf.leaf_no
                AND month >= (SELECT month_from FROM whole) AND month < (SELECT month_to FROM whole)
                AND month <> ALL (ARRAY(SELECT month FROM broken))
            UNION ALL
            SELECT NULL, day, quantity, readings
            FROM day_span
            JOIN rollup_day ON rollup_day.leaf_no = leaf.leaf_no AND day >= first AND day < after
            UNION ALL
            -- What has a factor of its own is taken out and stands apart.
            SELECT side.meter, day, sign * quantity, sign * readings
            FROM meter_day
            CROSS JOIN LATERAL (VALUES (NULL, -1), (meter_day.meter, 1)) AS side (meter, sign)
            WHERE meter_day.leaf_no = leaf.leaf_no
                AND day >= (SELECT first FROM chosen) AND day < (SELECT after FROM chosen)
        ) AS part
        WHERE leaf.kind = of_kind
        GROUP BY leaf.leaf_no, meter, bucket, width_bucket(day, ARRAY(SELECT day FROM edge ORDER BY day))
        HAVING sum(quantity) <> 0 OR sum(readings) <> 0
    ) AS summed
    JOIN catalogue_name USING (kind, category)
    JOIN shown_unit ON (shown_unit.kind, shown_unit.category, shown_unit.base_unit)
        = (summed.kind, summed.category, summed.unit)
    LEFT JOIN factor AS current
        ON (current.category, current.base_unit, coalesce(current.meter, ''))
            = (summed.category, summed.unit, coalesce(summed.meter, ''))
        AND summed.day >= current.valid_from AND summed.day < current.valid_to
        AND coalesce(summed.flow, 'use') = 'use'
    LEFT JOIN factor AS constant
        ON (constant.category, constant.base_unit, coalesce(constant.meter, ''))
            = (summed.category, summed.unit, coalesce(summed.meter, ''))
        AND DATE '2023-12-31' >= constant.valid_from AND DATE '2023-12-31' < constant.valid_to
        AND coalesce(summed.flow, 'use') = 'use'
$$;

-- As before, but batch by batch: a join may be planned to go through the whole ledger for twenty of them. A batch's
-- rows are written within its transaction, so that chunks of other days need not be looked at.
CREATE OR REPLACE VIEW dashboard_lag AS
SELECT newest.batch_no, newest.recorded_at,
    extract(epoch FROM newest.recorded_at - oldest.received_at) AS longest_seconds
FROM (
    SELECT batch_id, batch_no, recorded_at FROM batch_log WHERE added > 0 ORDER BY batch_no DESC LIMIT 20
) AS newest
CROSS JOIN LATERAL (
    SELECT min(received_at) AS received_at
    FROM measurement
    WHERE batch_id = newest.batch_id AND written_at > newest.recorded_at - interval '1 day'
) AS oldest;

-- The newest of the revisions behind the first, of one team or, with null, of all: as in dashboard_correction, which
-- looks for the amounts before of every revision there is. By when they were written, because that is the order of
-- their index.
CREATE FUNCTION dashboard_corrections(since timestamptz, until timestamptz, of_team text, most integer)
RETURNS TABLE (
    recorded_at timestamptz, team text, kind text, id text, retracted boolean, starts_at timestamptz, category text,
    amount_before numeric, amount_after numeric, unit text
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH after AS MATERIALIZED (
        SELECT batch_log.recorded_at, source.team, source.kind, measurement.*
        FROM measurement
        JOIN batch_log USING (batch_id)
        JOIN source USING (source_no)
        WHERE (measurement.revision > 1 OR measurement.retracted)
            AND measurement.written_at BETWEEN since AND until AND batch_log.recorded_at BETWEEN since AND until
            AND (of_team IS NULL OR source.team = of_team)
        ORDER BY measurement.written_at DESC, measurement.id
        LIMIT most
    )
    SELECT after.recorded_at, after.team, after.kind, after.id, after.retracted,
        coalesce(after.starts_at, before.starts_at), coalesce(after.category, before.category),
        coalesce(before.quantity, before.pieces, before.cost)::numeric / before_unit.per,
        coalesce(after.quantity, after.pieces, after.cost)::numeric / after_unit.per,
        coalesce(after_unit.unit, before_unit.unit)
    FROM after
    LEFT JOIN LATERAL (
        SELECT *
        FROM measurement AS earlier
        WHERE (earlier.source_no, earlier.id) = (after.source_no, after.id) AND earlier.revision < after.revision
        ORDER BY earlier.revision DESC
        LIMIT 1
    ) AS before ON true
    LEFT JOIN shown_unit AS before_unit
        ON (before_unit.kind, before_unit.category, before_unit.base_unit) = (after.kind, before.category,
            CASE WHEN before.quantity IS NOT NULL THEN before.unit WHEN before.pieces IS NOT NULL THEN 'piece'
                ELSE 'cent' END)
    LEFT JOIN shown_unit AS after_unit
        ON (after_unit.kind, after_unit.category, after_unit.base_unit) = (after.kind, after.category,
            CASE WHEN after.quantity IS NOT NULL THEN after.unit WHEN after.pieces IS NOT NULL THEN 'piece'
                ELSE 'cent' END)
$$;

-- As before, over these sums.
CREATE OR REPLACE FUNCTION dashboard_publications(of_kind text, on_chain text, on_market text, first date, after date)
RETURNS TABLE (
    publication text, told_on date, from_day date, to_day date, category text, base_unit text, nl text, en text,
    unit text, amount_reported numeric, amount numeric, reported numeric, current numeric, constant numeric
)
LANGUAGE sql STABLE AS $$
    WITH chosen AS (
        SELECT *
        FROM publication
        WHERE publication.from_day < after AND publication.to_day > first AND (kinds IS NULL OR of_kind = ANY (kinds))
    ), known AS MATERIALIZED (
        SELECT publication_no, factor.*
        FROM chosen
        CROSS JOIN LATERAL factors_known(chosen.as_of) AS factor
        WHERE factor.kind = of_kind AND factor.chain = on_chain AND factor.market = on_market
    ), reported AS (
        SELECT chosen.publication_no, leaf.category, leaf.unit AS base_unit, sum(part.quantity) AS quantity,
            CASE WHEN bool_and(known.kg_co2e IS NOT NULL OR part.quantity = 0)
                THEN sum(part.quantity * known.kg_co2e / known.base_units_per_unit) END AS reported
        FROM chosen
        JOIN publication_day AS part USING (publication_no)
        JOIN leaf USING (leaf_no)
        LEFT JOIN known
            ON known.publication_no = chosen.publication_no
            AND (known.category, known.base_unit) = (leaf.category, leaf.unit)
            AND known.meter IS NOT DISTINCT FROM part.meter
            AND part.day >= known.valid_from AND part.day < known.valid_to
        WHERE leaf.kind = of_kind AND NOT leaf.detail AND coalesce(leaf.flow, 'use') = 'use'
        GROUP BY 1, 2, 3
    ), now AS (
        SELECT publication_no, part.category, part.base_unit, sum(part.quantity) AS quantity,
            CASE WHEN bool_and(part.current IS NOT NULL OR part.quantity = 0) THEN sum(part.current) END AS current,
            CASE WHEN bool_and(part.constant IS NOT NULL OR part.quantity = 0)
                THEN sum(part.constant) END AS constant
        FROM chosen
        CROSS JOIN LATERAL dashboard_co2e_sums(
            of_kind, on_chain, on_market, 'year', chosen.from_day, chosen.to_day
        ) AS part
        WHERE NOT part.detail AND coalesce(part.flow, 'use') = 'use'
        GROUP BY 1, 2, 3
    )
    SELECT chosen.name, chosen.told_on, chosen.from_day, chosen.to_day, category, base_unit, names.nl, names.en,
        shown_unit.unit, coalesce(reported.quantity, 0) / shown_unit.per, coalesce(now.quantity, 0) / shown_unit.per,
        reported.reported, now.current, now.constant
    FROM reported
    FULL JOIN now USING (publication_no, category, base_unit)
    JOIN chosen USING (publication_no)
    JOIN catalogue_name AS names USING (category)
    JOIN shown_unit USING (category, base_unit)
    WHERE names.kind = of_kind AND shown_unit.kind = of_kind
$$;
