-- The finest sums that are kept: rows for a site or the organisation would make every worker wait for
-- every other.
CREATE TABLE leaf (
    leaf_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    team text NOT NULL,
    site text NOT NULL,
    kind text NOT NULL,
    category text NOT NULL,
    flow text,
    method text NOT NULL,
    detail boolean NOT NULL,
    unit text NOT NULL,
    UNIQUE NULLS NOT DISTINCT (team, site, kind, category, flow, method, detail, unit)
);

-- Amounts that fall on a local day, in base units; readings that begin on it.
CREATE TABLE rollup_day (
    leaf_no integer NOT NULL,
    day date NOT NULL,
    quantity numeric NOT NULL,
    readings bigint NOT NULL,
    PRIMARY KEY (leaf_no, day)
);

-- The same for local hours, of moments and readings of an hour or shorter only.
CREATE TABLE rollup_hour (
    leaf_no integer NOT NULL,
    hour timestamptz NOT NULL,
    quantity numeric NOT NULL,
    readings bigint NOT NULL,
    PRIMARY KEY (leaf_no, hour)
);

-- One row for each ledger row and amount.
CREATE VIEW measured_amount AS
SELECT measurement.*, amount.base_unit, amount.base_quantity
FROM measurement
CROSS JOIN LATERAL (
    VALUES (unit, quantity), ('piece', pieces), ('cent', cost)
) AS amount (base_unit, base_quantity)
WHERE amount.base_unit IS NOT NULL AND amount.base_quantity IS NOT NULL;

-- The share of an amount that falls on each local day it touches, by the rule of the contract: rounded
-- down, what is left handed out one unit at a time by largest remainder, ties to the earliest. Written
-- apart from the Python that keeps the rollups, so that the two can be compared. A moment, and a period
-- within one day, are most of what there is and take one look at the calendar.
CREATE FUNCTION day_shares(amount bigint, starts_at timestamptz, ends_at timestamptz)
RETURNS TABLE (day date, share numeric, begins boolean)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH first AS (
        SELECT calendar_day.day, calendar_day.starts, calendar_day.ends
        FROM calendar_day
        WHERE calendar_day.starts <= starts_at
        ORDER BY calendar_day.starts DESC
        LIMIT 1
    ), touched AS (
        SELECT calendar_day.day, calendar_day.starts,
            extract(epoch FROM least(calendar_day.ends, ends_at))
                - extract(epoch FROM greatest(calendar_day.starts, starts_at)) AS seconds
        FROM first
        JOIN calendar_day ON calendar_day.starts >= first.starts AND calendar_day.starts < ends_at
        WHERE first.ends < ends_at
    ), floored AS (
        SELECT touched.day, touched.starts,
            div(amount * seconds, sum(seconds) OVER ()) AS whole,
            mod(amount * seconds, sum(seconds) OVER ()) AS remainder
        FROM touched
    )
    SELECT first.day, amount::numeric, true
    FROM first
    WHERE ends_at IS NULL OR ends_at <= first.ends
    UNION ALL
    SELECT floored.day,
        whole + (row_number() OVER (ORDER BY remainder DESC, starts) <= amount - sum(whole) OVER ())::int,
        starts <= starts_at
    FROM floored
$$;

-- The same for the local hours of a moment or a period of an hour or shorter; nothing for a longer one.
CREATE FUNCTION hour_shares(amount bigint, starts_at timestamptz, ends_at timestamptz)
RETURNS TABLE (hour timestamptz, share numeric, begins boolean)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH first AS (
        SELECT date_bin('1 hour', starts_at, calendar_day.starts) AS hour
        FROM calendar_day
        WHERE calendar_day.starts <= starts_at AND (ends_at IS NULL OR ends_at - starts_at <= interval '1 hour')
        ORDER BY calendar_day.starts DESC
        LIMIT 1
    ), touched AS (
        SELECT parts.hour,
            extract(epoch FROM least(parts.hour + interval '1 hour', ends_at))
                - extract(epoch FROM greatest(parts.hour, starts_at)) AS seconds
        FROM first, LATERAL (VALUES (first.hour), (first.hour + interval '1 hour')) AS parts (hour)
        WHERE first.hour + interval '1 hour' < ends_at
    ), floored AS (
        SELECT touched.hour,
            div(amount * seconds, sum(seconds) OVER ()) AS whole,
            mod(amount * seconds, sum(seconds) OVER ()) AS remainder
        FROM touched
    )
    SELECT first.hour, amount::numeric, true
    FROM first
    WHERE ends_at IS NULL OR ends_at <= first.hour + interval '1 hour'
    UNION ALL
    SELECT floored.hour,
        whole + (row_number() OVER (ORDER BY remainder DESC, floored.hour) <= amount - sum(whole) OVER ())::int,
        floored.hour <= starts_at
    FROM floored
$$;

-- The one factor of a category on each day, as known now: where several hold, the newest recorded. Periods
-- of one category and basis never overlap; a day in none of them has no factor.
CREATE VIEW effective_factor AS
WITH edge AS (
    SELECT DISTINCT kind, category, base_unit, chain, market, unnest(ARRAY[valid_from, valid_to]) AS day
    FROM emission_factor
), segment AS (
    SELECT kind, category, base_unit, chain, market, day AS valid_from,
        lead(day) OVER (PARTITION BY kind, category, base_unit, chain, market ORDER BY day) AS valid_to
    FROM edge
)
SELECT segment.*, newest.kg_co2e, newest.base_units_per_unit
FROM segment
CROSS JOIN LATERAL (
    SELECT kg_co2e, base_units_per_unit
    FROM emission_factor AS factor
    WHERE (factor.kind, factor.category, factor.base_unit, factor.chain, factor.market)
            = (segment.kind, segment.category, segment.base_unit, segment.chain, segment.market)
        AND factor.valid_from <= segment.valid_from AND factor.valid_to >= segment.valid_to
    ORDER BY factor.recorded_on DESC, factor.valid_from DESC
    LIMIT 1
) AS newest;
