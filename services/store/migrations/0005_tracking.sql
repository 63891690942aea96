-- How far each source has come: its readings that begin on a local day and the seconds of that day that its
-- readings cover (0 for moments), by the length of a reading. A gap shows here, never in the sums of days.
CREATE TABLE source_day (
    leaf_no integer NOT NULL,
    source_no integer NOT NULL,
    span text NOT NULL CHECK (span IN ('moment', 'hour', 'day', 'month', 'longer')),
    day date NOT NULL,
    readings bigint NOT NULL,
    seconds numeric NOT NULL,
    PRIMARY KEY (leaf_no, source_no, span, day)
);

-- The length of a reading in the steps that completeness knows: a day may have 25 hours, a month one more
-- than its days have.
CREATE FUNCTION reading_span(starts_at timestamptz, ends_at timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN ends_at IS NULL THEN 'moment'
        WHEN ends_at - starts_at <= interval '1 hour' THEN 'hour'
        WHEN ends_at - starts_at <= interval '25 hours' THEN 'day'
        WHEN ends_at - starts_at <= interval '31 days 1 hour' THEN 'month'
        ELSE 'longer'
    END
$$;

-- The local days that a reading touches and the seconds of each that it covers, 0 for a moment. Written apart
-- from the Python that keeps `source_day`, so that the two can be compared.
CREATE FUNCTION day_cover(starts_at timestamptz, ends_at timestamptz)
RETURNS TABLE (day date, seconds numeric, begins boolean)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH first AS (
        SELECT calendar_day.starts
        FROM calendar_day
        WHERE calendar_day.starts <= starts_at
        ORDER BY calendar_day.starts DESC
        LIMIT 1
    )
    SELECT calendar_day.day,
        CASE WHEN ends_at IS NULL THEN 0
            ELSE extract(epoch FROM least(calendar_day.ends, ends_at))
                - extract(epoch FROM greatest(calendar_day.starts, starts_at))
        END,
        calendar_day.starts <= starts_at
    FROM first
    JOIN calendar_day ON calendar_day.starts >= first.starts
        AND calendar_day.starts < coalesce(ends_at, starts_at + interval '1 microsecond')
$$;

-- What was counted before this table was there.
INSERT INTO source_day (leaf_no, source_no, span, day, readings, seconds)
SELECT leaf_no, source_no, reading_span(starts_at, ends_at), cover.day, sum(begins::int), sum(seconds)
FROM measured_amount AS counted
JOIN identity USING (source_no, id, revision)
JOIN source USING (source_no)
JOIN leaf
    ON (leaf.team, leaf.site, leaf.kind, leaf.category, coalesce(leaf.flow, ''), leaf.method, leaf.detail, leaf.unit)
        = (source.team, counted.site, source.kind, counted.category, coalesce(counted.flow, ''), counted.method,
            counted.detail, counted.base_unit)
CROSS JOIN LATERAL day_cover(starts_at, ends_at) AS cover
WHERE NOT retracted
GROUP BY 1, 2, 3, 4;

-- With where each factor comes from.
CREATE OR REPLACE VIEW effective_factor AS
WITH edge AS (
    SELECT DISTINCT kind, category, base_unit, chain, market, unnest(ARRAY[valid_from, valid_to]) AS day
    FROM emission_factor
), segment AS (
    SELECT kind, category, base_unit, chain, market, day AS valid_from,
        lead(day) OVER (PARTITION BY kind, category, base_unit, chain, market ORDER BY day) AS valid_to
    FROM edge
)
SELECT segment.*, newest.kg_co2e, newest.base_units_per_unit, newest.unit, newest.source, newest.certainty
FROM segment
CROSS JOIN LATERAL (
    SELECT kg_co2e, base_units_per_unit, unit, source, certainty
    FROM emission_factor AS factor
    WHERE (factor.kind, factor.category, factor.base_unit, factor.chain, factor.market)
            = (segment.kind, segment.category, segment.base_unit, segment.chain, segment.market)
        AND factor.valid_from <= segment.valid_from AND factor.valid_to >= segment.valid_to
    ORDER BY factor.recorded_on DESC, factor.valid_from DESC
    LIMIT 1
) AS newest;

-- What the tracker found about a target, appended when it differs from the one before. `row` is that of
-- `GET /v1/targets`, `inputs` what it was worked out from, `factors` names the fixed factors.
CREATE TABLE evaluation (
    evaluation_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target text NOT NULL,
    evaluated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    on_day date NOT NULL,
    batch_no bigint NOT NULL,
    configuration integer NOT NULL,
    factors text NOT NULL,
    band text NOT NULL CHECK (band IN ('green', 'amber', 'red', 'unknown')),
    outcome text NOT NULL CHECK (outcome IN ('running', 'met', 'missed', 'cannot-tell')),
    drift numeric,
    row jsonb NOT NULL,
    inputs jsonb NOT NULL
);
CREATE INDEX evaluation_target ON evaluation (target, evaluation_no);

-- The band that people were told, with hysteresis, of each target in force. Another definition or another
-- factor begins it anew.
CREATE TABLE alert_state (
    target text PRIMARY KEY,
    band text NOT NULL CHECK (band IN ('green', 'amber', 'red')),
    since date,
    factors text NOT NULL,
    definition text NOT NULL
);

-- Every change of such a band that data or time made; messages are made from these.
CREATE TABLE band_change (
    change_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target text NOT NULL,
    from_band text NOT NULL,
    to_band text NOT NULL CHECK (to_band <> from_band),
    since date NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    evaluation_no bigint NOT NULL REFERENCES evaluation,
    worse boolean NOT NULL
);

-- Up to which batch, day and configuration everything above was worked out. What was counted before the first
-- tracker ran is where it begins: nobody is told what was so already.
CREATE TABLE tracker_cursor (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    batch_no bigint NOT NULL,
    day date NOT NULL,
    configuration integer NOT NULL
);
INSERT INTO tracker_cursor (batch_no, day, configuration)
SELECT max(batch_no), current_date, 0 FROM batch_log;

CREATE VIEW current_evaluation AS
SELECT newest.*
FROM alert_state
CROSS JOIN LATERAL (
    SELECT evaluation_no, target, evaluated_at, on_day, batch_no, configuration, factors, band, outcome, drift, row
    FROM evaluation
    WHERE evaluation.target = alert_state.target
    ORDER BY evaluation_no DESC
    LIMIT 1
) AS newest;

GRANT SELECT ON source_day, evaluation, alert_state, band_change, tracker_cursor, current_evaluation
    TO groenmeter_writer;
GRANT INSERT ON source_day, evaluation, alert_state, band_change TO groenmeter_writer;
GRANT UPDATE (readings, seconds) ON source_day TO groenmeter_writer;
GRANT UPDATE (band, since, factors, definition) ON alert_state TO groenmeter_writer;
GRANT DELETE ON alert_state TO groenmeter_writer;
GRANT UPDATE (batch_no, day, configuration) ON tracker_cursor TO groenmeter_writer;

-- Not the inputs: they hold a target's definition, with whoever answers for it.
GRANT SELECT ON source_day, current_evaluation, alert_state, band_change, tracker_cursor TO groenmeter_reader;
GRANT SELECT (evaluation_no, target, evaluated_at, on_day, batch_no, configuration, factors, band, outcome, drift, row)
    ON evaluation TO groenmeter_reader;
