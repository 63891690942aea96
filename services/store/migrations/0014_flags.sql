-- The newest readings of each series, by which is judged what is odd: kept behind the batch log by the tracker.
-- `source` is empty for all sources of a team. A flag on an entry says by which rule it was odd.
CREATE TABLE usual (
    team text NOT NULL,
    source text NOT NULL,
    kind text NOT NULL,
    category text NOT NULL,
    flow text NOT NULL,
    site text NOT NULL,
    unit text NOT NULL,
    span text NOT NULL,
    meter text NOT NULL,
    entries jsonb NOT NULL,
    PRIMARY KEY (team, source, kind, category, flow, site, unit, span, meter)
);

-- Odd but possible readings: counted as ever. A flag is open while its revision is the one that counts and nobody
-- confirmed it.
CREATE TABLE flag (
    flag_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_no integer NOT NULL,
    id text NOT NULL,
    revision integer NOT NULL,
    rule text NOT NULL,
    field text NOT NULL,
    unit text NOT NULL,
    amount numeric NOT NULL,
    usual numeric,
    nl text NOT NULL,
    en text NOT NULL,
    flagged_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    confirmed_at timestamptz,
    confirmed_by text,
    learnt boolean NOT NULL DEFAULT false, -- whether what is usual knows of the confirmation
    UNIQUE (source_no, id, revision, rule, field),
    CHECK ((confirmed_at IS NULL) = (confirmed_by IS NULL))
);

-- Up to which batch readings were judged.
CREATE TABLE flag_cursor (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    batch_no bigint NOT NULL
);
INSERT INTO flag_cursor (batch_no) VALUES (0);

GRANT SELECT ON usual, flag, flag_cursor TO groenmeter_writer;
GRANT INSERT ON usual, flag TO groenmeter_writer;
GRANT UPDATE (entries) ON usual TO groenmeter_writer;
GRANT UPDATE (confirmed_at, confirmed_by, learnt) ON flag TO groenmeter_writer;
GRANT UPDATE (batch_no) ON flag_cursor TO groenmeter_writer;
GRANT SELECT ON flag TO groenmeter_reader;
