-- What Grafana reads, as the reader role: views over the leaf rollups and the batch log. None scans the ledger.

-- Names and units of the catalogues as rows; written by every migrate, since names may change.
CREATE TABLE catalogue_name (
    kind text NOT NULL,
    category text NOT NULL,
    nl text NOT NULL,
    en text NOT NULL,
    PRIMARY KEY (kind, category)
);

-- In which unit people see an amount of a category: `per` base units are one of it.
CREATE TABLE shown_unit (
    kind text NOT NULL,
    category text NOT NULL,
    base_unit text NOT NULL,
    unit text NOT NULL,
    per bigint NOT NULL,
    PRIMARY KEY (kind, category, base_unit)
);

-- Corrections and late readings are few among very many rows of the ledger.
CREATE INDEX measurement_corrected ON measurement (written_at) WHERE revision > 1 OR retracted;
CREATE INDEX measurement_late ON measurement (written_at)
    WHERE revision = 1 AND received_at - coalesce(ends_at, starts_at) > interval '31 days';

-- The local days of a range that somebody chose: [range_first_day(from), range_end_day(to)). A browser elsewhere
-- takes "this year" to begin and end at its own midnight, so the nearest local midnight is meant; but up to now is
-- up to and including today.
CREATE FUNCTION range_first_day(moment timestamptz) RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT day FROM calendar_day WHERE starts <= moment + interval '12 hours' ORDER BY starts DESC LIMIT 1
$$;

CREATE FUNCTION range_end_day(moment timestamptz) RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN moment BETWEEN now() - interval '5 minutes' AND now() + interval '5 minutes' THEN (
            SELECT day + 1 FROM calendar_day WHERE starts <= moment ORDER BY starts DESC LIMIT 1
        )
        ELSE range_first_day(moment)
    END
$$;

CREATE VIEW dashboard_as_of AS
SELECT recorded_at, recorded_at AT TIME ZONE (
        SELECT document ->> 'time_zone' FROM configuration ORDER BY version DESC LIMIT 1
    ) AS local_time
FROM batch_log
ORDER BY batch_no DESC
LIMIT 1;

CREATE VIEW dashboard_team AS
SELECT key AS team, coalesce(nullif(value ->> 'nl', ''), key) AS nl, coalesce(nullif(value ->> 'en', ''), key) AS en
FROM (SELECT document -> 'teams' AS teams FROM configuration ORDER BY version DESC LIMIT 1) AS newest,
    jsonb_each(teams);

CREATE VIEW dashboard_site AS
SELECT key AS site, coalesce(nullif(value ->> 'nl', ''), key) AS nl, coalesce(nullif(value ->> 'en', ''), key) AS en
FROM (SELECT document -> 'sites' AS sites FROM configuration ORDER BY version DESC LIMIT 1) AS newest,
    jsonb_each(sites);

-- Each leaf on each day, with the names that people see. A row without amount and readings is a reading that
-- was retracted: it is not there.
CREATE VIEW dashboard_day AS
SELECT rollup_day.day, leaf.team, leaf.site, leaf.kind, leaf.category, leaf.flow, leaf.method, leaf.detail,
    leaf.unit AS base_unit, rollup_day.quantity, rollup_day.readings,
    shown_unit.unit, rollup_day.quantity / shown_unit.per AS amount,
    catalogue_name.nl, catalogue_name.en
FROM rollup_day
JOIN leaf USING (leaf_no)
JOIN catalogue_name USING (kind, category)
JOIN shown_unit ON (shown_unit.kind, shown_unit.category, shown_unit.base_unit)
    = (leaf.kind, leaf.category, leaf.unit)
WHERE rollup_day.quantity <> 0 OR rollup_day.readings <> 0;

-- The same with kg CO2e by the rules of the totals: `current` by the factor of the day, `constant` by the one
-- that held at the end of the reference year; null without one. Of each basis (chain, market) a row.
CREATE VIEW dashboard_co2e AS
SELECT part.*, basis.chain, basis.market,
    part.quantity * current.kg_co2e / current.base_units_per_unit AS current,
    part.quantity * constant.kg_co2e / constant.base_units_per_unit AS constant
FROM dashboard_day AS part
CROSS JOIN (VALUES ('wtw', 'location'), ('wtw', 'market'), ('ttw', 'location'), ('ttw', 'market'))
    AS basis (chain, market)
LEFT JOIN effective_factor AS current
    ON (current.kind, current.category, current.base_unit, current.chain, current.market)
        = (part.kind, part.category, part.base_unit, basis.chain, basis.market)
    AND part.day >= current.valid_from AND part.day < current.valid_to
    AND coalesce(part.flow, 'use') = 'use'
LEFT JOIN effective_factor AS constant
    ON (constant.kind, constant.category, constant.base_unit, constant.chain, constant.market)
        = (part.kind, part.category, part.base_unit, basis.chain, basis.market)
    AND DATE '2023-12-31' >= constant.valid_from AND DATE '2023-12-31' < constant.valid_to
    AND coalesce(part.flow, 'use') = 'use';

-- The newest day with data of each thing that a team measures.
CREATE VIEW dashboard_newest AS
SELECT leaf.team, leaf.kind, leaf.category, catalogue_name.nl, catalogue_name.en, max(newest.day) AS newest
FROM leaf
JOIN catalogue_name USING (kind, category)
CROSS JOIN LATERAL (
    SELECT day FROM rollup_day
    WHERE rollup_day.leaf_no = leaf.leaf_no AND (quantity <> 0 OR readings <> 0)
    ORDER BY day DESC
    LIMIT 1
) AS newest
GROUP BY leaf.team, leaf.kind, leaf.category, catalogue_name.nl, catalogue_name.en;

-- Every revision behind the first, with the amount before it and its own: that of the mass or energy, else the
-- pieces, else the cents.
CREATE VIEW dashboard_correction AS
SELECT batch_log.recorded_at, after.written_at, source.team, source.kind, source.source, after.id, after.revision,
    after.retracted, coalesce(after.starts_at, before.starts_at) AS starts_at,
    coalesce(after.category, before.category) AS category,
    coalesce(before.quantity, before.pieces, before.cost)::numeric / before_unit.per AS amount_before,
    coalesce(after.quantity, after.pieces, after.cost)::numeric / after_unit.per AS amount_after,
    coalesce(after_unit.unit, before_unit.unit) AS unit
FROM measurement AS after
JOIN batch_log USING (batch_id)
JOIN source USING (source_no)
LEFT JOIN LATERAL (
    SELECT *
    FROM measurement AS earlier
    WHERE (earlier.source_no, earlier.id) = (after.source_no, after.id) AND earlier.revision < after.revision
    ORDER BY earlier.revision DESC
    LIMIT 1
) AS before ON true
LEFT JOIN shown_unit AS before_unit
    ON (before_unit.kind, before_unit.category, before_unit.base_unit) = (source.kind, before.category,
        CASE WHEN before.quantity IS NOT NULL THEN before.unit WHEN before.pieces IS NOT NULL THEN 'piece'
            ELSE 'cent' END)
LEFT JOIN shown_unit AS after_unit
    ON (after_unit.kind, after_unit.category, after_unit.base_unit) = (source.kind, after.category,
        CASE WHEN after.quantity IS NOT NULL THEN after.unit WHEN after.pieces IS NOT NULL THEN 'piece'
            ELSE 'cent' END)
WHERE after.revision > 1 OR after.retracted;

-- First readings that came in more than 31 days after the end of their period.
CREATE VIEW dashboard_late AS
SELECT measurement.written_at, measurement.received_at, source.team, source.kind, source.source,
    measurement.category, measurement.starts_at,
    extract(day FROM received_at - coalesce(ends_at, starts_at))::integer AS days_late
FROM measurement
JOIN source USING (source_no)
WHERE revision = 1 AND received_at - coalesce(ends_at, starts_at) > interval '31 days';

-- What was not counted, without what was in it.
CREATE VIEW dashboard_reject AS
SELECT batch_log.recorded_at, reject.reject_no, reject.topic, reject.kind, reject.team, reject.received_at,
    reject.replayed_at
FROM reject
JOIN batch_log USING (batch_id);

-- Seconds between receipt and counting of what the newest batches counted.
CREATE VIEW dashboard_lag AS
SELECT newest.batch_no, newest.recorded_at,
    extract(epoch FROM newest.recorded_at - min(measurement.received_at)) AS longest_seconds
FROM (
    SELECT batch_id, batch_no, recorded_at FROM batch_log WHERE added > 0 ORDER BY batch_no DESC LIMIT 20
) AS newest
JOIN measurement USING (batch_id)
GROUP BY newest.batch_no, newest.recorded_at;

-- Each target in force, as `GET /v1/targets` tells it; an amount of which no part was measured is none, not 0.
CREATE VIEW dashboard_target AS
SELECT target, evaluated_at, band, outcome, drift,
    row #>> '{title,nl}' AS nl, row #>> '{title,en}' AS en,
    row ->> 'theme' AS theme,
    array_position(ARRAY['health', 'knowledge', 'co2', 'circular', 'medication'], row ->> 'theme') AS theme_no,
    row ->> 'kind' AS kind, row ->> 'scope' AS scope, row ->> 'unit' AS unit,
    CASE WHEN row ->> 'scope' LIKE 'team/%' THEN split_part(row ->> 'scope', '/', 2) END AS team,
    (row #>> '{period,from}')::date AS period_from, (row #>> '{period,to}')::date AS period_to,
    (row ->> 'through')::date AS through,
    (row ->> 'base')::numeric AS base, (row ->> 'base_year')::integer AS base_year,
    (row ->> 'limit')::numeric AS year_limit, (row ->> 'limit_now')::numeric AS limit_now,
    CASE WHEN part.is_measured THEN (row ->> 'actual')::numeric END AS actual,
    (row #>> '{projection,low}')::numeric AS low, (row #>> '{projection,high}')::numeric AS high,
    (row ->> 'completeness')::numeric AS completeness,
    (row #>> '{thresholds,amber_from}')::numeric AS amber_from,
    (row #>> '{thresholds,red_from}')::numeric AS red_from,
    row #>> '{boundary,nl}' AS boundary_nl, row #>> '{boundary,en}' AS boundary_en,
    row ->> 'source' AS source, row ->> 'certainty' AS certainty,
    part.missing_nl, part.missing_en
FROM current_evaluation
CROSS JOIN LATERAL (
    SELECT bool_or(one ->> 'state' IN ('measured', 'estimated')) AS is_measured,
        string_agg(one ->> 'nl', ', ' ORDER BY place) FILTER (WHERE one ->> 'state' = 'missing') AS missing_nl,
        string_agg(one ->> 'en', ', ' ORDER BY place) FILTER (WHERE one ->> 'state' = 'missing') AS missing_en
    FROM jsonb_array_elements(row -> 'coverage') WITH ORDINALITY AS parts (one, place)
) AS part;

-- The path of each target: its limit in each year.
CREATE VIEW dashboard_target_path AS
SELECT target, (point ->> 'year')::integer AS year, (point ->> 'index')::numeric AS index,
    (point ->> 'limit')::numeric AS year_limit
FROM current_evaluation
CROSS JOIN LATERAL jsonb_array_elements(row -> 'path') AS point;

-- The path of each target beside what was measured: the base, the year that is judged, and in other years what
-- its categories come to with the factors that the target rests on. Of a share only the year that is judged.
CREATE VIEW dashboard_target_year AS
WITH counted AS (
    SELECT target, row ->> 'scope' AS scope, cause ->> 'kind' AS kind, cause ->> 'category' AS category,
        cause ->> 'flow' AS flow, shown_unit.base_unit, 1 / shown_unit.per::numeric AS weight
    FROM current_evaluation
    CROSS JOIN LATERAL jsonb_array_elements(row -> 'contributions') AS cause
    JOIN shown_unit ON (shown_unit.kind, shown_unit.category, shown_unit.unit)
        = (cause ->> 'kind', cause ->> 'category', row ->> 'unit')
    WHERE row ->> 'kind' IN ('reduction_vs_base', 'absolute_max')
    UNION ALL
    SELECT target, row ->> 'scope', factor ->> 'kind', factor ->> 'category', 'use', measure.base_unit,
        (factor ->> 'kg_co2e')::numeric / measure.base_units_per_unit
    FROM current_evaluation
    CROSS JOIN LATERAL jsonb_array_elements(row #> '{basis,factors}') AS factor
    JOIN (SELECT DISTINCT kind, category, unit, base_unit, base_units_per_unit FROM emission_factor) AS measure
        ON (measure.kind, measure.category, measure.unit)
            = (factor ->> 'kind', factor ->> 'category', factor ->> 'unit')
), measured AS (
    SELECT counted.target, extract(year FROM day)::integer AS year, sum(quantity * weight) AS amount
    FROM counted
    JOIN leaf ON (leaf.kind, leaf.category, leaf.unit) = (counted.kind, counted.category, counted.base_unit)
        AND counted.scope IN ('organisation', 'team/' || leaf.team, 'site/' || leaf.site)
        AND NOT leaf.detail AND coalesce(leaf.flow, 'use') = counted.flow
    JOIN rollup_day USING (leaf_no)
    GROUP BY 1, 2
)
SELECT target, path.year, path.year_limit,
    CASE path.year WHEN extract(year FROM period_from) THEN actual WHEN base_year THEN base ELSE amount END AS amount,
    CASE path.year WHEN extract(year FROM period_from) THEN low END AS low,
    CASE path.year WHEN extract(year FROM period_from) THEN high END AS high
FROM dashboard_target_path AS path
JOIN dashboard_target USING (target)
LEFT JOIN measured USING (target, year);

-- Why a target has its status, in words.
CREATE VIEW dashboard_target_reason AS
SELECT target, place, reason ->> 'nl' AS nl, reason ->> 'en' AS en
FROM current_evaluation
CROSS JOIN LATERAL jsonb_array_elements(row -> 'reasons') WITH ORDINALITY AS reasons (reason, place);

-- Each part of a target's boundary: measured, estimated, missing, or left out and why.
CREATE VIEW dashboard_target_part AS
SELECT target, place, part ->> 'nl' AS nl, part ->> 'en' AS en, part ->> 'state' AS state, part #>> '{why,nl}' AS why_nl,
    part #>> '{why,en}' AS why_en
FROM current_evaluation
CROSS JOIN LATERAL jsonb_array_elements(row -> 'coverage') WITH ORDINALITY AS parts (part, place);

-- What each category adds to the difference between the amount and the limit to date.
CREATE VIEW dashboard_target_cause AS
SELECT target, cause ->> 'kind' AS kind, cause ->> 'category' AS category, cause ->> 'nl' AS nl, cause ->> 'en' AS en,
    (cause ->> 'actual')::numeric AS actual, (cause ->> 'budget')::numeric AS budget,
    (cause ->> 'difference')::numeric AS difference
FROM current_evaluation
CROSS JOIN LATERAL jsonb_array_elements(row -> 'contributions') AS cause;

-- Sources of which something that was to be expected is not there.
CREATE VIEW dashboard_missing AS
SELECT DISTINCT incomplete ->> 'team' AS team, incomplete ->> 'kind' AS kind, incomplete ->> 'source' AS source,
    incomplete ->> 'category' AS category, (incomplete ->> 'missing_days')::numeric AS missing_days,
    (incomplete ->> 'since')::date AS since
FROM current_evaluation
CROSS JOIN LATERAL jsonb_array_elements(row -> 'incomplete_sources') AS incomplete;

GRANT SELECT ON catalogue_name, shown_unit, dashboard_as_of, dashboard_team, dashboard_site, dashboard_day,
    dashboard_co2e, dashboard_newest, dashboard_correction, dashboard_late, dashboard_reject, dashboard_lag,
    dashboard_target, dashboard_target_path, dashboard_target_year, dashboard_target_part, dashboard_target_cause,
    dashboard_target_reason, dashboard_missing TO groenmeter_reader;
