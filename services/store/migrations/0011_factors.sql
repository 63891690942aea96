-- Emission factors with two times: the days they hold for, and since when we know them. A version is added and
-- never changed. Three layers lie over each other: a meter's own factor (its supplier's), the organisation's own,
-- and the list's. In each counts, of the versions known at a moment that hold on a day, the one that was published
-- last (an old list that is read in late changes nothing), then the one recorded last; one that is withdrawn leaves
-- the day to the layer below. When a correction is withdrawn, a version is added that repeats what it corrected.
ALTER TABLE emission_factor DROP CONSTRAINT emission_factor_pkey;
ALTER TABLE emission_factor
    ADD COLUMN factor_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ADD COLUMN layer text NOT NULL DEFAULT 'list' CHECK (layer IN ('list', 'own')),
    ADD COLUMN meter text CHECK (meter IS NULL OR layer = 'own' AND kind = 'energy'),
    ADD COLUMN withdrawn boolean NOT NULL DEFAULT false,
    ADD COLUMN recorded_at timestamptz,
    ADD COLUMN recorded_by text NOT NULL DEFAULT 'catalogue',
    ADD COLUMN note text NOT NULL DEFAULT '';
UPDATE emission_factor SET recorded_at = (SELECT recorded_at FROM batch_log WHERE batch_no = 0);
-- A version is recorded together with a batch (of no events) and has its moment: the order of commits.
ALTER TABLE emission_factor
    ALTER COLUMN recorded_at SET NOT NULL,
    ALTER COLUMN recorded_at SET DEFAULT clock_timestamp(),
    ADD COLUMN repeats bigint REFERENCES emission_factor;
COMMENT ON COLUMN emission_factor.repeats IS 'the version that counts again in this one: its correction was withdrawn';
COMMENT ON COLUMN emission_factor.recorded_on IS 'when its source published it; recorded_at: when it was known here';
CREATE INDEX emission_factor_thing ON emission_factor (kind, category, base_unit, chain, market);
-- What the catalogue of a release holds is written once.
CREATE UNIQUE INDEX emission_factor_catalogue
    ON emission_factor (kind, category, chain, market, valid_from, recorded_on)
    WHERE recorded_by = 'catalogue' AND layer = 'list' AND NOT withdrawn;

-- Also the owner cannot change one: what was used in a report must be there when somebody asks. What a release
-- brings is one entry of the audit, by `migrate`.
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON emission_factor EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audited AFTER INSERT ON emission_factor FOR EACH ROW WHEN (NEW.recorded_by <> 'catalogue')
    EXECUTE FUNCTION write_audit(
        'factor', 'kind,category,chain,market,layer,meter,valid_from', 'base_unit,base_units_per_unit', 'factor_no');

-- What the organisation's file says of factors; recorded as versions when it is applied. Apart from the document,
-- which a processor of a release before this one reads strictly.
ALTER TABLE configuration ADD COLUMN factors jsonb NOT NULL DEFAULT '{}';

-- Energy meters that have, or had, a factor of their own. Sums of their readings are also kept apart, so that CO2e
-- can be worked out for them; the sums of leaves hold them like all others, so amounts need none of this. Never
-- removed: without a factor of its own a meter has that of the layers below.
CREATE TABLE own_meter (
    category text NOT NULL,
    meter text NOT NULL,
    added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (category, meter)
);

-- What part of a row of rollup_day (rollup_hour) such a meter is.
CREATE TABLE meter_day (
    leaf_no integer NOT NULL,
    meter text NOT NULL,
    day date NOT NULL,
    quantity numeric NOT NULL,
    readings bigint NOT NULL,
    PRIMARY KEY (leaf_no, meter, day)
);
CREATE TABLE meter_hour (
    leaf_no integer NOT NULL,
    meter text NOT NULL,
    hour timestamptz NOT NULL,
    quantity numeric NOT NULL,
    readings bigint NOT NULL,
    PRIMARY KEY (leaf_no, meter, hour)
);

-- A processor of a release before this one does not keep them: once there is such a meter it has to wait with its
-- readings until it is upgraded. Ours say so in each connection; the test is only for others.
CREATE FUNCTION refuse_older_processor() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM own_meter) AND EXISTS (
        SELECT
        FROM measurement AS counted
        JOIN measurement AS revision USING (source_no, id)
        JOIN own_meter ON (own_meter.category, own_meter.meter) = (revision.category, revision.meter)
        WHERE counted.batch_id = NEW.batch_id
    ) THEN
        RAISE EXCEPTION 'a meter has a factor of its own, which this processor is too old to keep apart: upgrade it'
            USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER own_meters_kept BEFORE INSERT ON batch_log
    FOR EACH ROW WHEN (NEW.added > 0 AND current_setting('groenmeter.own_meters', true) IS DISTINCT FROM 'kept')
    EXECUTE FUNCTION refuse_older_processor();

-- The sums of days by leaf and meter: null for all meters without factors of their own. They add up to rollup_day.
CREATE VIEW rollup_day_part AS
SELECT leaf_no, NULL::text AS meter, day,
    rollup_day.quantity - coalesce(apart.quantity, 0) AS quantity,
    rollup_day.readings - coalesce(apart.readings, 0) AS readings
FROM rollup_day
LEFT JOIN (
    SELECT leaf_no, day, sum(quantity) AS quantity, sum(readings)::bigint AS readings
    FROM meter_day
    GROUP BY leaf_no, day
) AS apart USING (leaf_no, day)
UNION ALL
SELECT leaf_no, meter, day, quantity, readings FROM meter_day;

-- The factors as they were known at a moment: of each thing and basis the periods in which one holds, which never
-- overlap; a day in none of them has no factor. `meter` is null for everything but the meters in own_meter, which
-- each have rows for all of their carrier's days, also those of the layers below.
CREATE FUNCTION factors_known(at timestamptz)
RETURNS TABLE (
    kind text, category text, meter text, base_unit text, chain text, market text, valid_from date, valid_to date,
    factor_no bigint, kg_co2e numeric, base_units_per_unit bigint, unit text, source text, certainty text
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH edge AS (
        SELECT DISTINCT kind, category, NULL::text AS meter, base_unit, chain, market,
            unnest(ARRAY[valid_from, valid_to]) AS day
        FROM emission_factor
        WHERE recorded_at <= at AND meter IS NULL
        UNION
        SELECT kind, category, own_meter.meter, base_unit, chain, market, unnest(ARRAY[valid_from, valid_to])
        FROM emission_factor
        JOIN own_meter USING (category)
        WHERE recorded_at <= at AND kind = 'energy' AND coalesce(emission_factor.meter, own_meter.meter) = own_meter.meter
    ), segment AS (
        SELECT kind, category, meter, base_unit, chain, market, day AS valid_from,
            lead(day) OVER (PARTITION BY kind, category, meter, base_unit, chain, market ORDER BY day) AS valid_to
        FROM edge
    )
    SELECT segment.*, best.factor_no, best.kg_co2e, best.base_units_per_unit, best.unit, best.source, best.certainty
    FROM segment
    CROSS JOIN LATERAL (
        SELECT newest.*
        FROM (
            SELECT DISTINCT ON (layer, factor.meter) factor.*
            FROM emission_factor AS factor
            WHERE (factor.kind, factor.category, factor.base_unit, factor.chain, factor.market)
                    = (segment.kind, segment.category, segment.base_unit, segment.chain, segment.market)
                AND factor.valid_from <= segment.valid_from AND factor.valid_to >= segment.valid_to
                AND factor.recorded_at <= at AND (factor.meter IS NULL OR factor.meter = segment.meter)
            ORDER BY layer, factor.meter, recorded_on DESC, recorded_at DESC, factor_no DESC
        ) AS newest
        WHERE NOT withdrawn
        ORDER BY newest.meter NULLS LAST, layer = 'own' DESC
        LIMIT 1
    ) AS best
$$;

-- As known now, of all that has no factor of its own: a release before this one reads it without asking for a meter.
CREATE OR REPLACE VIEW effective_factor AS
SELECT kind, category, base_unit, chain, market, valid_from, valid_to, kg_co2e, base_units_per_unit, unit, source,
    certainty, factor_no
FROM factors_known('infinity')
WHERE meter IS NULL;

-- With the factors of meters that have their own.
CREATE OR REPLACE VIEW dashboard_co2e AS
SELECT part.day, leaf.team, leaf.site, leaf.kind, leaf.category, leaf.flow, leaf.method, leaf.detail,
    leaf.unit AS base_unit, part.quantity, part.readings,
    shown_unit.unit, part.quantity / shown_unit.per AS amount,
    catalogue_name.nl, catalogue_name.en, basis.chain, basis.market,
    part.quantity * current.kg_co2e / current.base_units_per_unit AS current,
    part.quantity * constant.kg_co2e / constant.base_units_per_unit AS constant
FROM rollup_day_part AS part
JOIN leaf USING (leaf_no)
JOIN catalogue_name USING (kind, category)
JOIN shown_unit ON (shown_unit.kind, shown_unit.category, shown_unit.base_unit)
    = (leaf.kind, leaf.category, leaf.unit)
CROSS JOIN (VALUES ('wtw', 'location'), ('wtw', 'market'), ('ttw', 'location'), ('ttw', 'market'))
    AS basis (chain, market)
LEFT JOIN factors_known('infinity') AS current
    ON (current.kind, current.category, current.base_unit, current.chain, current.market)
        = (leaf.kind, leaf.category, leaf.unit, basis.chain, basis.market)
    AND part.meter IS NOT DISTINCT FROM current.meter
    AND part.day >= current.valid_from AND part.day < current.valid_to
    AND coalesce(leaf.flow, 'use') = 'use'
LEFT JOIN factors_known('infinity') AS constant
    ON (constant.kind, constant.category, constant.base_unit, constant.chain, constant.market)
        = (leaf.kind, leaf.category, leaf.unit, basis.chain, basis.market)
    AND part.meter IS NOT DISTINCT FROM constant.meter
    AND DATE '2023-12-31' >= constant.valid_from AND DATE '2023-12-31' < constant.valid_to
    AND coalesce(leaf.flow, 'use') = 'use'
WHERE part.quantity <> 0 OR part.readings <> 0;

GRANT SELECT ON own_meter, meter_day, meter_hour, rollup_day_part TO groenmeter_writer, groenmeter_reader;
GRANT INSERT, UPDATE (quantity, readings) ON meter_day, meter_hour TO groenmeter_writer;
