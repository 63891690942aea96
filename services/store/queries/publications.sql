-- name: next_publication
SELECT nextval('publication_no');

-- name: freeze_days
-- One statement, so one snapshot: the figures, and the batch that they are as of.
WITH known AS (
    SELECT coalesce(%(as_of)s::timestamptz, max(recorded_at)) AS as_of FROM batch_log
), wanted AS (
    SELECT leaf_no FROM leaf WHERE %(kinds)s::text[] IS NULL OR kind = ANY (%(kinds)s::text[])
), frozen AS (
    INSERT INTO publication_day (publication_no, leaf_no, meter, day, quantity, readings)
    SELECT %(publication_no)s, leaf_no, meter, day, sum(quantity), sum(readings)
    FROM ({now}) AS now
    GROUP BY leaf_no, meter, day
    HAVING sum(quantity) <> 0 OR sum(readings) <> 0
    RETURNING 1
)
SELECT as_of,
    (SELECT max(version) FROM configuration WHERE known_at IS NULL OR known_at <= as_of),
    (SELECT count(*) FROM frozen)
FROM known;

-- name: insert_publication
INSERT INTO publication (
    publication_no, name, from_day, to_day, kinds, as_of, configuration, told_on, told_to, note, published_at,
    published_by
)
VALUES (
    %(publication_no)s, %(name)s, %(start)s, %(end)s, %(kinds)s, %(as_of)s, %(configuration)s, %(told_on)s,
    %(told_to)s, %(note)s, record_change('publication'), %(published_by)s
)
RETURNING published_at;

-- name: publications
-- What was published up to a moment, the newest first.
SELECT publication_no, name, from_day, to_day, kinds, as_of, configuration, told_on, told_to, note, published_at,
    published_by
FROM publication
WHERE published_at <= %(as_of)s
    AND (%(name)s::text IS NULL OR name = %(name)s)
    AND (%(kind)s::text IS NULL OR kinds IS NULL OR %(kind)s = ANY (kinds))
    AND (%(start)s::date IS NULL OR to_day > %(start)s)
    AND (%(end)s::date IS NULL OR from_day < %(end)s)
ORDER BY published_at DESC, publication_no DESC;

-- name: bucket_bounds
-- The days of each bucket: its first, and the day after its last.
SELECT {start} AS start, min(day), max(day) + 1
FROM calendar_day
WHERE day >= %(from)s AND day < %(to)s
GROUP BY 1
HAVING {start} = ANY (%(starts)s::date[])
ORDER BY 1;

-- name: published_figures
-- What a publication says, with the versions of the factors that it rests on. No details: they are in it already.
WITH factor AS (
    {factors}
)
SELECT leaf.kind, leaf.category, leaf.flow, leaf.unit, sum(quantity) AS quantity, sum(readings)::bigint AS readings,
    CASE WHEN bool_and(factor.weight IS NOT NULL OR quantity = 0) THEN sum(quantity * factor.weight) END AS reported,
    array_agg(DISTINCT factor_no) FILTER (WHERE factor_no IS NOT NULL) AS factors
FROM publication_day AS part
JOIN leaf USING (leaf_no)
LEFT JOIN factor
    ON (factor.kind, factor.category, factor.base_unit) = (leaf.kind, leaf.category, leaf.unit)
    AND factor.meter IS NOT DISTINCT FROM part.meter
    AND part.day >= factor.valid_from AND part.day < factor.valid_to
    AND coalesce(leaf.flow, 'use') = 'use'
WHERE publication_no = %(publication_no)s AND NOT leaf.detail
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4;

-- name: factors_at
-- Weights are whole multiples (`scale` / base units per unit), so that sums stay exact.
SELECT kind, category, meter, base_unit, valid_from, valid_to, factor_no,
    kg_co2e * div(%(scale)s::numeric, base_units_per_unit) AS weight
FROM factors_known({moment})
WHERE chain = %(chain)s AND market = %(market)s

-- name: all_factor_units
SELECT DISTINCT base_units_per_unit FROM emission_factor;

-- name: compared
-- What a publication says beside what is so, and the difference in CO2e by its two causes: `activity`, other
-- amounts with the factors of then, and `factors`, other factors with the amounts of now. They add up.
WITH wanted AS (
    SELECT *
    FROM leaf
    WHERE (%(kinds)s::text[] IS NULL OR kind = ANY (%(kinds)s::text[]))
        AND (%(flows)s::text[] IS NULL OR flow IS NULL OR flow = ANY (%(flows)s::text[]))
        AND detail = ANY (%(details)s::boolean[])
        AND (%(team)s::text IS NULL OR team = %(team)s)
        AND (%(site)s::text IS NULL OR site = %(site)s)
        AND (%(category)s::text IS NULL OR category = %(category)s)
        AND (%(method)s::text IS NULL OR method = %(method)s)
), known_then AS (
    {factors_then}
), known_now AS (
    {factors_now}
), part AS (
    SELECT leaf_no, meter, day, sum(then_quantity) AS then_quantity, sum(then_readings) AS then_readings,
        sum(quantity) AS quantity, sum(readings) AS readings
    FROM (
        SELECT leaf_no, meter, day, quantity AS then_quantity, readings AS then_readings, 0 AS quantity,
            0 AS readings
        FROM publication_day
        JOIN wanted USING (leaf_no)
        WHERE publication_no = %(publication_no)s AND day >= %(from)s AND day < %(to)s
        UNION ALL
        SELECT leaf_no, meter, day, 0, 0, quantity, readings
        FROM ({now}) AS now
    ) AS side
    GROUP BY leaf_no, meter, day
    HAVING sum(then_quantity) <> 0 OR sum(then_readings) <> 0 OR sum(quantity) <> 0 OR sum(readings) <> 0
)
SELECT {start} AS start, wanted.kind,
    CASE WHEN %(by_category)s OR wanted.kind = 'activity' OR wanted.unit = ANY (%(volumes)s) THEN wanted.category END,
    CASE WHEN %(by_team)s THEN wanted.team END,
    CASE WHEN %(by_site)s THEN wanted.site END,
    CASE WHEN %(by_flow)s THEN wanted.flow END,
    CASE WHEN %(by_method)s THEN wanted.method END,
    wanted.unit,
    sum(then_quantity), sum(then_readings)::bigint, sum(quantity), sum(readings)::bigint,
    CASE WHEN bool_and(known_then.weight IS NOT NULL OR then_quantity = 0)
        THEN sum(then_quantity * known_then.weight) END AS reported,
    CASE WHEN bool_and(known_now.weight IS NOT NULL OR quantity = 0)
        THEN sum(quantity * known_now.weight) END AS current,
    sum((quantity - then_quantity) * coalesce(known_then.weight, known_now.weight)) AS activity,
    sum(quantity * (known_now.weight - known_then.weight)) AS factors
FROM part
JOIN wanted USING (leaf_no)
LEFT JOIN known_then
    ON (known_then.kind, known_then.category, known_then.base_unit) = (wanted.kind, wanted.category, wanted.unit)
    AND known_then.meter IS NOT DISTINCT FROM part.meter
    AND part.day >= known_then.valid_from AND part.day < known_then.valid_to
    AND coalesce(wanted.flow, 'use') = 'use'
LEFT JOIN known_now
    ON (known_now.kind, known_now.category, known_now.base_unit) = (wanted.kind, wanted.category, wanted.unit)
    AND known_now.meter IS NOT DISTINCT FROM part.meter
    AND part.day >= known_now.valid_from AND part.day < known_now.valid_to
    AND coalesce(wanted.flow, 'use') = 'use'
WHERE %(starts)s::date[] IS NULL OR {start} = ANY (%(starts)s::date[])
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
HAVING sum(then_quantity) <> 0 OR sum(then_readings) <> 0 OR sum(quantity) <> 0 OR sum(readings) <> 0
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8;

-- name: parts_taken_back
-- What later batches changed, with the sign that takes it back.
SELECT leaf_no, meter, share.day, -sign * share, -sign * begins::int
FROM ({changed}) AS changed
JOIN wanted USING (leaf_no)
CROSS JOIN LATERAL day_shares(base_quantity, starts_at, ends_at) AS share (day, share, begins)
WHERE share.day >= %(from)s AND share.day < %(to)s

-- name: change_causes
-- Why what a publication says is not so any more: of each cause the readings of which a share of the row is another,
-- and what that comes to. All causes of a row add up to its difference.
WITH wanted AS (
    SELECT *
    FROM leaf
    WHERE (%(kinds)s::text[] IS NULL OR kind = ANY (%(kinds)s::text[]))
        AND detail = ANY (%(details)s::boolean[])
        AND (%(team)s::text IS NULL OR team = %(team)s)
)
SELECT start, kind, category, team, site, flow, method, unit, cause, count(*), sum(quantity)
FROM (
    SELECT {start} AS start, wanted.kind,
        CASE WHEN %(by_category)s OR wanted.kind = 'activity' OR wanted.unit = ANY (%(volumes)s)
            THEN wanted.category END AS category,
        CASE WHEN %(by_team)s THEN wanted.team END AS team,
        CASE WHEN %(by_site)s THEN wanted.site END AS site,
        CASE WHEN %(by_flow)s THEN wanted.flow END AS flow,
        CASE WHEN %(by_method)s THEN wanted.method END AS method,
        wanted.unit, cause, source_no, id, sum(sign * share.share) AS quantity
    FROM ({changed}) AS changed
    JOIN wanted USING (leaf_no)
    CROSS JOIN LATERAL day_shares(base_quantity, starts_at, ends_at) AS share (day, share, begins)
    WHERE share.day >= %(from)s AND share.day < %(to)s
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, cause, source_no, id
    HAVING sum(sign * share.share) <> 0 OR sum(sign * begins::int) <> 0
) AS reading
GROUP BY start, kind, category, team, site, flow, method, unit, cause;

-- name: changed_amounts
-- Of every measurement about the days in question that batches behind `since` up to `until` touched: the amounts
-- that counted at `since` (sign -1) and those that count at `until` (sign 1), and why they are others. `late`: a
-- first reading about a time that was over at `since`; `new`: about one that was not.
SELECT leaf.leaf_no, own_meter.meter, revision.source_no, revision.id, revision.starts_at, revision.ends_at,
    amount.base_quantity, counts::int - counted::int AS sign,
    CASE
        WHEN was_there THEN CASE WHEN is_retracted THEN 'retracted' ELSE 'corrected' END
        WHEN coalesce(ends_at, starts_at) <= {since} THEN 'late'
        ELSE 'new'
    END AS cause
FROM (
    SELECT of_identity.*, bool_or(counts AND retracted) OVER (PARTITION BY source_no, id) AS is_retracted,
        bool_or(counted) OVER (PARTITION BY source_no, id) AS was_there
    FROM (
        SELECT touched.team, touched.kind, measurement.*,
            revision = max(revision) OVER identity AS counts,
            revision IS NOT DISTINCT FROM max(revision) FILTER (WHERE recorded_at <= {since}) OVER identity AS counted
        FROM (
            SELECT DISTINCT source_no, id, team, kind
            FROM batch_log
            JOIN measurement USING (batch_id)
            JOIN source USING (source_no)
            WHERE recorded_at > {since} AND recorded_at <= {until}
                AND (revision > 1 OR retracted
                    OR starts_at < %(days_end)s AND coalesce(ends_at, starts_at) >= %(days_start)s)
        ) AS touched
        JOIN measurement USING (source_no, id)
        JOIN batch_log USING (batch_id)
        WHERE recorded_at <= {until}
        WINDOW identity AS (PARTITION BY source_no, id)
    ) AS of_identity
) AS revision
CROSS JOIN LATERAL (
    VALUES (unit, quantity), ('piece', pieces), ('cent', cost)
) AS amount (base_unit, base_quantity)
JOIN leaf ON (leaf.team, leaf.site, leaf.kind, leaf.category, leaf.method, leaf.detail, leaf.unit)
        = (revision.team, revision.site, revision.kind, revision.category, revision.method, revision.detail,
            amount.base_unit)
    AND leaf.flow IS NOT DISTINCT FROM revision.flow
LEFT JOIN own_meter
    ON revision.kind = 'energy' AND (own_meter.category, own_meter.meter) = (revision.category, revision.meter)
WHERE counts <> counted AND NOT retracted AND amount.base_quantity IS NOT NULL
    AND starts_at < %(days_end)s AND coalesce(ends_at, starts_at) >= %(days_start)s
