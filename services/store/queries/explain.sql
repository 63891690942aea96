-- name: explain_sums
-- What each leaf has in the days or the hour asked, by the days between the edges at which a factor changes.
WITH wanted AS (
    {leaves}
), part AS (
    {parts}
)
SELECT team, site, category, flow, method, detail, unit, meter, width_bucket(day, %(edges)s::date[]) AS segment,
    sum(quantity), sum(readings)::bigint
FROM part
JOIN wanted USING (leaf_no)
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
HAVING sum(quantity) <> 0 OR sum(readings) <> 0
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9;

-- name: explain_published
-- The same of what a publication says; zero where something was measured only since.
WITH wanted AS (
    {leaves}
), part AS (
    {parts}
), told AS (
    SELECT leaf_no, meter, day, quantity, readings
    FROM publication_day
    WHERE publication_no = %(publication_no)s AND day >= %(from)s AND day < %(to)s
    UNION ALL
    SELECT leaf_no, meter, day, 0, 0
    FROM part
    GROUP BY leaf_no, meter, day
    HAVING sum(quantity) <> 0 OR sum(readings) <> 0
)
SELECT team, site, category, flow, method, detail, unit, meter, width_bucket(day, %(edges)s::date[]) AS segment,
    sum(quantity), sum(readings)::bigint
FROM told
JOIN wanted USING (leaf_no)
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9;

-- name: explain_factors
-- With when each version was recorded.
SELECT factor_no, known.kind, known.category, known.meter, emission_factor.meter, known.chain, known.market, known.base_unit,
    known.valid_from, known.valid_to, known.kg_co2e, known.unit, known.base_units_per_unit, known.source,
    known.certainty, emission_factor.valid_from, emission_factor.valid_to, recorded_at
FROM factors_known(coalesce(%(at)s::timestamptz, 'infinity')) AS known
JOIN emission_factor USING (factor_no)
WHERE known.kind = %(kind)s AND known.chain = %(chain)s AND known.market = %(market)s
ORDER BY known.category, known.meter NULLS FIRST, known.valid_from;

-- name: explain_readings
-- A page of the measurements that counted after a batch and touch [first, last), by team, source and id. Only
-- sources that the days of sources name are looked through, and those that later batches touched.
WITH wanted AS (
    {leaves}
), later AS MATERIALIZED (
    SELECT batch_id FROM batch_log WHERE recorded_at > %(as_of)s
), place AS (
    SELECT source_no FROM source_day JOIN wanted USING (leaf_no) WHERE day >= %(from)s AND day < %(to)s
    UNION
    SELECT source_no FROM later JOIN measurement USING (batch_id)
), page AS (
    SELECT reading.*, source.team, source.source
    FROM (
        SELECT source_no, team, source
        FROM place
        JOIN source USING (source_no)
        WHERE kind = %(kind)s AND (%(team)s::text IS NULL OR team = %(team)s)
            AND (%(after)s::text[] IS NULL OR (team, source) >= ((%(after)s::text[])[1], (%(after)s::text[])[2]))
        ORDER BY team, source
    ) AS source
    CROSS JOIN LATERAL (
        SELECT *
        FROM (
            SELECT DISTINCT ON (id) *
            FROM measurement
            WHERE measurement.source_no = source.source_no
                AND (%(after)s::text[] IS NULL
                    OR (source.team, source.source) <> ((%(after)s::text[])[1], (%(after)s::text[])[2])
                    OR id > (%(after)s::text[])[3])
                AND NOT EXISTS (SELECT FROM later WHERE later.batch_id = measurement.batch_id)
            ORDER BY id, revision DESC
        ) AS counted
        WHERE NOT retracted
            AND starts_at < %(last)s AND coalesce(ends_at, starts_at + interval '1 microsecond') > %(first)s
            AND (NOT %(hourly)s OR ends_at IS NULL OR ends_at - starts_at <= interval '1 hour')
            AND (flow IS NULL OR flow = ANY (%(flows)s::text[]))
            AND detail = ANY (%(details)s::boolean[])
            AND (%(site)s::text IS NULL OR site = %(site)s)
            AND (%(category)s::text IS NULL OR category = %(category)s)
            AND (%(method)s::text IS NULL OR method = %(method)s)
            AND (%(base_unit)s::text IS NULL OR unit = %(base_unit)s
                OR pieces IS NOT NULL AND %(base_unit)s = 'piece' OR cost IS NOT NULL AND %(base_unit)s = 'cent')
        ORDER BY id
        LIMIT %(limit)s
    ) AS reading
    ORDER BY source.team, source.source, id
    LIMIT %(limit)s
)
SELECT page.team, page.source, page.id, page.revision, received_at, recorded_at, starts_at, ends_at, category, flow,
    site, method, detail, quantity, unit, pieces, cost, meter, posted, origin, token.name AS posted_by, texts, erased
FROM page
JOIN batch_log USING (batch_id)
LEFT JOIN token USING (token_no)
LEFT JOIN free_text USING (source_no, id, revision)
ORDER BY page.team, page.source, page.id;

-- name: explain_days
-- The local days that touch [first, last), with the instant at which the last of them ends.
SELECT min(day), array_agg(starts ORDER BY day), max(ends)
FROM calendar_day
WHERE ends > %(first)s AND starts <= %(last)s;

-- name: explain_corrections
-- Every correction that each of these meters had, from when it held.
SELECT applied_at, key, value ->> 'correction'
FROM configuration
CROSS JOIN LATERAL jsonb_each(document -> 'meters')
WHERE key = ANY (%s::text[]) AND value ->> 'correction' IS NOT NULL
ORDER BY version;
