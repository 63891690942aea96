-- Part of every message id: two installations that tell the same receiver never use the same one.
ALTER TABLE installation ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid();

-- Who is told. A webhook is signed with `secret`, and a webhook's or apprise address often holds a password:
-- unlike a token these are stored as they are, because a hash can be compared with but not sent. Only the
-- owner and the writer (the teller) can read them; no view and no dashboard does.
CREATE TABLE subscriber (
    subscriber_no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    channel text NOT NULL CHECK (channel IN ('email', 'webhook', 'apprise')),
    address text NOT NULL,
    secret text CHECK ((secret IS NOT NULL) = (channel = 'webhook')),
    targets text[] CHECK (cardinality(targets) > 0), -- null: all
    team text, -- null: every scope
    severity text NOT NULL CHECK (severity IN ('amber', 'red')), -- the least band that is told
    language text NOT NULL CHECK (language IN ('nl', 'en')),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    disabled_at timestamptz,
    disabled_why text,
    CHECK ((disabled_at IS NULL) = (disabled_why IS NULL))
);

-- The changes that became messages: their own list and no highest number, because numbers are given out
-- before a transaction commits and a late one would be skipped.
CREATE TABLE told_change (
    change_no bigint PRIMARY KEY REFERENCES band_change,
    told_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The outbox: one row for each change and subscriber. What was sent to somebody goes when they go.
CREATE TABLE message (
    message_id uuid PRIMARY KEY,
    change_no bigint NOT NULL REFERENCES told_change,
    subscriber_no integer NOT NULL REFERENCES subscriber ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'given up')),
    attempts integer NOT NULL DEFAULT 0,
    first_attempt_at timestamptz,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz,
    problem text,
    UNIQUE (change_no, subscriber_no),
    CHECK ((ended_at IS NULL) = (state = 'waiting'))
);
CREATE INDEX message_waiting ON message (next_attempt_at) WHERE state = 'waiting';

GRANT SELECT ON subscriber, told_change, message TO groenmeter_writer;
GRANT INSERT ON told_change, message TO groenmeter_writer;
GRANT UPDATE (disabled_at, disabled_why) ON subscriber TO groenmeter_writer;
GRANT UPDATE (state, attempts, first_attempt_at, next_attempt_at, ended_at, problem) ON message TO groenmeter_writer;
