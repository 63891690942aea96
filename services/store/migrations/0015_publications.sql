-- What was told to whom: a range of local days, as it was known after a batch, with the factors known then. The
-- figures themselves are kept beside it, so that no later change of anything can move them. Never changed: what
-- was wrong is published anew, under another name.
CREATE SEQUENCE publication_no AS integer;
CREATE TABLE publication (
    publication_no integer PRIMARY KEY,
    name text NOT NULL UNIQUE,
    from_day date NOT NULL,
    to_day date NOT NULL CHECK (to_day > from_day), -- the day after the last
    kinds text[] CHECK (cardinality(kinds) > 0), -- null: all
    as_of timestamptz NOT NULL, -- the moment of the newest batch that is in it
    configuration integer NOT NULL,
    told_on date NOT NULL,
    told_to text NOT NULL DEFAULT '',
    note text NOT NULL DEFAULT '',
    published_at timestamptz NOT NULL, -- its own moment in the batch log
    published_by text NOT NULL
);

-- Its figures: what each leaf (of it, each meter with factors of its own) had on each local day.
CREATE TABLE publication_day (
    publication_no integer NOT NULL,
    leaf_no integer NOT NULL,
    meter text,
    day date NOT NULL,
    quantity numeric NOT NULL,
    readings bigint NOT NULL,
    UNIQUE NULLS NOT DISTINCT (publication_no, leaf_no, day, meter)
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON publication
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON publication_day
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audited AFTER INSERT ON publication
    FOR EACH ROW EXECUTE FUNCTION write_audit('publication', 'name');

-- What was reported beside what is so now, of a kind, on a basis of CO2e: each category of the publications that touch
-- the days [first, after), as it was told, by today's factors and by fixed ones; null where a part has no factor. Without
-- details, and for energy without what is no use. A function, because a view would work out all bases and days.
CREATE FUNCTION dashboard_publications(of_kind text, on_chain text, on_market text, first date, after date)
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
        JOIN dashboard_co2e AS part ON part.day >= chosen.from_day AND part.day < chosen.to_day
        WHERE part.kind = of_kind AND part.chain = on_chain AND part.market = on_market
            AND NOT part.detail AND coalesce(part.flow, 'use') = 'use'
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

GRANT SELECT ON publication, publication_day TO groenmeter_writer, groenmeter_reader;
