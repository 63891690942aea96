CREATE EXTENSION IF NOT EXISTS timescaledb;

-- (team, kind, source) as a small number: identities that ascend keep their index compact.
CREATE TABLE source (
    source_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    team text NOT NULL,
    kind text NOT NULL,
    source text NOT NULL,
    UNIQUE (team, kind, source)
);

-- One row for each measurement there is: the revision that counts, its content, and where it stands.
CREATE TABLE identity (
    source_no integer NOT NULL,
    id text NOT NULL,
    revision integer NOT NULL,
    fingerprint bytea NOT NULL,
    PRIMARY KEY (source_no, id)
);

-- One row for each batch that was committed. batch_id is taken when a batch begins; batch_no and
-- recorded_at when it commits, under a lock: they are the only safe cursor.
CREATE SEQUENCE batch_id;
CREATE TABLE batch_log (
    batch_id bigint PRIMARY KEY,
    batch_no bigint NOT NULL UNIQUE,
    recorded_at timestamptz NOT NULL UNIQUE,
    worker text NOT NULL,
    events integer NOT NULL,
    added integer NOT NULL,
    repeats integer NOT NULL,
    rejected integer NOT NULL,
    CHECK (events = added + repeats + rejected)
);
INSERT INTO batch_log VALUES (nextval('batch_id'), 0, clock_timestamp(), 'migrate', 0, 0, 0, 0);

-- The ledger: every revision that was accepted, append-only, in whole base units. Partitioned by when it
-- was written, so that corrections and late data never touch an old chunk.
CREATE TABLE measurement (
    written_at timestamptz NOT NULL,
    batch_id bigint NOT NULL,
    source_no integer NOT NULL,
    id text NOT NULL,
    revision integer NOT NULL,
    retracted boolean NOT NULL,
    fingerprint bytea NOT NULL,
    received_at timestamptz NOT NULL,
    token_no integer,
    origin text NOT NULL,
    starts_at timestamptz,
    ends_at timestamptz,
    category text,
    flow text,
    site text,
    method text,
    detail boolean NOT NULL,
    quantity bigint CHECK (quantity >= 0),
    unit text,
    pieces bigint CHECK (pieces >= 0),
    cost bigint CHECK (cost >= 0),
    meter text,
    posted jsonb
);
SELECT create_hypertable('measurement', by_range('written_at', INTERVAL '1 month'), create_default_indexes => false);
CREATE INDEX measurement_identity ON measurement (source_no, id, revision);
CREATE INDEX measurement_batch ON measurement (batch_id);

-- Free text apart from the amounts: it can be erased without changing one.
CREATE TABLE free_text (
    source_no integer NOT NULL,
    id text NOT NULL,
    revision integer NOT NULL,
    texts jsonb NOT NULL,
    PRIMARY KEY (source_no, id, revision)
);

-- What was refused behind the door. `origin` and `position` say which event of which record it was.
CREATE TABLE reject (
    reject_no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch_id bigint NOT NULL,
    origin text NOT NULL,
    position integer NOT NULL,
    topic text NOT NULL,
    kind text,
    team text,
    source text,
    id text,
    received_at timestamptz NOT NULL,
    token_no integer,
    receipt text,
    problems jsonb NOT NULL,
    payload bytea NOT NULL,
    replayed_at timestamptz,
    UNIQUE (origin, position)
);
CREATE INDEX reject_batch ON reject (batch_id);

-- What became of each record that the door wrote: written once, whatever is sent again.
CREATE TABLE receipt_part (
    record_id text PRIMARY KEY,
    receipt text NOT NULL,
    added integer NOT NULL,
    repeats integer NOT NULL,
    rejected integer NOT NULL
);
CREATE INDEX receipt_part_receipt ON receipt_part (receipt);

-- The next offset to read, in the same transaction as what was read before it. `log` is the Kafka
-- cluster id: the embedded broker begins a new log at every start.
CREATE TABLE source_offset (
    log text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next bigint NOT NULL,
    PRIMARY KEY (log, topic, partition)
);
