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
    source, certainty, layer, meter, withdrawn, recorded_at, recorded_by, note
) VALUES (
    %(kind)s, %(category)s, %(unit)s, %(base_unit)s, %(base_units_per_unit)s, %(kg_co2e)s, %(chain)s, %(market)s,
    %(valid_from)s, %(valid_to)s, %(recorded_on)s, %(source)s, %(certainty)s, %(layer)s, %(meter)s, %(withdrawn)s,
    %(recorded_at)s, %(recorded_by)s, %(note)s
);

-- name: add_own_meter
INSERT INTO own_meter (category, meter) VALUES (%s, %s) ON CONFLICT DO NOTHING;

-- name: fill_meter_days
-- What was counted of a meter, by leaf and local day.
INSERT INTO meter_day (leaf_no, meter, day, quantity, readings)
SELECT leaf_no, counted.meter, share.day, sum(share), sum(begins::int)
FROM measured_amount AS counted
JOIN identity USING (source_no, id, revision)
JOIN source USING (source_no)
JOIN leaf
    ON (leaf.team, leaf.site, leaf.kind, leaf.category, coalesce(leaf.flow, ''), leaf.method, leaf.detail, leaf.unit)
        = (source.team, counted.site, source.kind, counted.category, coalesce(counted.flow, ''), counted.method,
            counted.detail, counted.base_unit)
CROSS JOIN LATERAL day_shares(base_quantity, starts_at, ends_at) AS share (day, share, begins)
WHERE NOT retracted AND source.kind = 'energy' AND counted.category = %(category)s AND counted.meter = %(meter)s
GROUP BY leaf_no, counted.meter, share.day;

-- name: fill_meter_hours
INSERT INTO meter_hour (leaf_no, meter, hour, quantity, readings)
SELECT leaf_no, counted.meter, share.hour, sum(share), sum(begins::int)
FROM measured_amount AS counted
JOIN identity USING (source_no, id, revision)
JOIN source USING (source_no)
JOIN leaf
    ON (leaf.team, leaf.site, leaf.kind, leaf.category, coalesce(leaf.flow, ''), leaf.method, leaf.detail, leaf.unit)
        = (source.team, counted.site, source.kind, counted.category, coalesce(counted.flow, ''), counted.method,
            counted.detail, counted.base_unit)
CROSS JOIN LATERAL hour_shares(base_quantity, starts_at, ends_at) AS share (hour, share, begins)
WHERE NOT retracted AND source.kind = 'energy' AND counted.category = %(category)s AND counted.meter = %(meter)s
GROUP BY leaf_no, counted.meter, share.hour;
