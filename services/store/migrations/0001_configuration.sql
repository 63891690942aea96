-- Roles are of the server, not of one database: they may be there already.
DO $$
DECLARE wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['groenmeter_writer', 'groenmeter_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
                -- An owner that is no superuser may act as a role that it made only when that is granted.
                EXECUTE format('GRANT %I TO CURRENT_USER', wanted);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- another database of this server was migrated at the same moment
            END;
        END IF;
    END LOOP;
END $$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
DO $$ BEGIN EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()); END $$;
GRANT USAGE ON SCHEMA public TO groenmeter_writer, groenmeter_reader;

-- Every version of the organisation's configuration; a measurement is judged by the one in force
-- when it was received.
CREATE TABLE configuration (
    version integer PRIMARY KEY,
    applied_at timestamptz NOT NULL UNIQUE DEFAULT clock_timestamp(),
    applied_by text NOT NULL,
    document jsonb NOT NULL
);

-- The local days of the organisation's time zone, made from the pinned tzdata: [starts, ends).
-- Every day is a whole number of hours, counted from its start.
CREATE TABLE calendar_day (
    day date PRIMARY KEY,
    starts timestamptz NOT NULL UNIQUE,
    ends timestamptz NOT NULL
);

-- A secret is never stored: only the SHA-256 of 32 random bytes.
CREATE TABLE token (
    token_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    hash bytea NOT NULL UNIQUE,
    sort text NOT NULL CHECK (sort IN ('team', 'steward', 'viewer')),
    teams text[] CHECK (sort <> 'team' OR cardinality(teams) = 1), -- null: all teams
    label text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz
);

-- The key that signs receipts, so that a receipt needs no row before it is counted.
CREATE TABLE installation (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    receipt_key bytea NOT NULL
);

-- Emission factors: kg CO2e per unit, valid over [valid_from, valid_to), as known since recorded_on.
CREATE TABLE emission_factor (
    kind text NOT NULL,
    category text NOT NULL,
    unit text NOT NULL,
    base_unit text NOT NULL,
    base_units_per_unit bigint NOT NULL,
    kg_co2e numeric NOT NULL,
    chain text NOT NULL CHECK (chain IN ('wtw', 'ttw')),
    market text NOT NULL CHECK (market IN ('location', 'market')),
    valid_from date NOT NULL,
    valid_to date NOT NULL CHECK (valid_to > valid_from),
    recorded_on date NOT NULL,
    source text NOT NULL,
    certainty text NOT NULL,
    PRIMARY KEY (kind, category, chain, market, valid_from, recorded_on)
);
