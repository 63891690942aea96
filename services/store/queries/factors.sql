-- name: catalogue_factors
SELECT kind, category, chain, market, valid_from, recorded_on
FROM emission_factor
WHERE recorded_by = 'catalogue' AND layer = 'list' AND NOT withdrawn;

-- name: record_factors
SELECT CASE WHEN EXISTS (SELECT FROM emission_factor) THEN record_change('factors')
    ELSE (SELECT max(recorded_at) FROM batch_log) END;

-- name: audit_catalogue
SELECT add_audit('factor', 'catalogue', NULL, jsonb_build_object('versions', %(versions)s::integer), 'migrate');

-- name: insert_factor
INSERT INTO emission_factor (
    kind, category, unit, base_unit, base_units_per_unit, kg_co2e, chain, market, valid_from, valid_to, recorded_on,
    source, certainty, layer, meter, withdrawn, repeats, recorded_at, recorded_by, note
) VALUES (
    %(kind)s, %(category)s, %(unit)s, %(base_unit)s, %(base_units_per_unit)s, %(kg_co2e)s, %(chain)s, %(market)s,
    %(valid_from)s, %(valid_to)s, %(recorded_on)s, %(source)s, %(certainty)s, %(layer)s, %(meter)s, %(withdrawn)s,
    %(repeats)s, %(recorded_at)s, %(recorded_by)s, %(note)s
);

-- name: add_own_meter
INSERT INTO own_meter (category, meter) VALUES (%s, %s) ON CONFLICT DO NOTHING;

-- name: counted_of_meter
-- The amounts that count of an energy meter, with their leaves.
SELECT leaf_no, leaf.team, leaf.site, leaf.kind, leaf.category, leaf.flow, leaf.method, leaf.detail, leaf.unit,
    base_quantity, starts_at, ends_at
FROM measured_amount AS counted
JOIN identity USING (source_no, id, revision)
JOIN source USING (source_no)
JOIN leaf
    ON (leaf.team, leaf.site, leaf.kind, leaf.category, coalesce(leaf.flow, ''), leaf.method, leaf.detail, leaf.unit)
        = (source.team, counted.site, source.kind, counted.category, coalesce(counted.flow, ''), counted.method,
            counted.detail, counted.base_unit)
WHERE NOT retracted AND source.kind = 'energy' AND counted.category = %(category)s AND counted.meter = %(meter)s;

-- name: factors
-- What counts, and on which days. Of meters with factors of their own only those, unless a meter is asked for: then
-- all that counts for its readings.
SELECT known.valid_from AS "from", known.valid_to AS "to", true AS counts, version.*
FROM factors_known(%(as_of)s) AS known
JOIN emission_factor AS version USING (factor_no)
WHERE (%(kind)s::text IS NULL OR known.kind = %(kind)s)
    AND (%(category)s::text IS NULL OR known.category = %(category)s)
    AND (%(on)s::date IS NULL OR known.valid_from <= %(on)s AND known.valid_to > %(on)s)
    AND CASE
        WHEN %(meter)s::text IS NULL THEN known.meter IS NULL OR version.meter IS NOT NULL
        WHEN EXISTS (SELECT FROM own_meter WHERE own_meter.category = known.category AND own_meter.meter = %(meter)s)
            THEN known.kind = 'energy' AND known.meter = %(meter)s
        ELSE known.kind = 'energy' AND known.meter IS NULL
    END
ORDER BY known.kind, known.category, known.meter NULLS FIRST, known.chain DESC, known.market, known.valid_from
LIMIT %(limit)s OFFSET %(offset)s;

-- name: factor_history
-- Every version that was known, the newest of a thing last.
SELECT NULL::date AS "from", NULL::date AS "to",
    factor_no IN (SELECT known.factor_no FROM factors_known(%(as_of)s) AS known) AS counts, version.*
FROM emission_factor AS version
WHERE recorded_at <= %(as_of)s
    AND (%(kind)s::text IS NULL OR kind = %(kind)s)
    AND (%(category)s::text IS NULL OR category = %(category)s)
    AND (%(on)s::date IS NULL OR valid_from <= %(on)s AND valid_to > %(on)s)
    AND (%(meter)s::text IS NULL OR meter = %(meter)s)
ORDER BY kind, category, meter NULLS FIRST, chain DESC, market, valid_from, recorded_at, factor_no
LIMIT %(limit)s OFFSET %(offset)s;

-- name: recorded_factors
-- Every version, as the commands that add to them judge it.
SELECT factor_no, recorded_at, recorded_by, kind, category, unit, kg_co2e, chain, market, valid_from, valid_to,
    recorded_on AS published, source, certainty, layer, meter, withdrawn, repeats, note
FROM emission_factor
ORDER BY factor_no;

-- name: meters_counted
-- Those of these meters of which something was counted.
SELECT DISTINCT meter
FROM measurement
JOIN source USING (source_no)
WHERE kind = 'energy' AND category = %s AND meter = ANY (%s::text[]) AND NOT retracted;
