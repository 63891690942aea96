-- A reject that was posted again, or a corrected event in its place: at most once. What is posted is written
-- here before it is sent: whoever goes on after a crash, or asks at the same moment, sends the very same
-- records, and the same record never counts twice. The records tell all of it but the content: behind a restore
-- it is written again with the first of them. So the reject has the name here that it has for ever, which is no
-- number of one database, and the reject itself may come back later.
CREATE TABLE replay (
    origin text NOT NULL,
    position integer NOT NULL,
    receipt text NOT NULL UNIQUE,
    token_no integer NOT NULL,
    received_at timestamptz NOT NULL,
    configuration integer NOT NULL,
    corrected boolean NOT NULL,
    records integer NOT NULL,
    content bytea NOT NULL, -- emptied in the batch that counts it; empty too where only the records are known
    batch_id bigint, -- in which the last of its records was counted
    PRIMARY KEY (origin, position)
);

-- A reject that nobody will post again, from a moment of the batch log on: lists as of an earlier one have it.
CREATE TABLE dismissal (
    reject_no bigint PRIMARY KEY,
    recorded_at timestamptz NOT NULL,
    dismissed_by text NOT NULL,
    note text NOT NULL
);

-- The newest alarm of each partition whose rejects became too many.
CREATE TABLE reject_alarm (
    log text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next bigint NOT NULL, -- the offset behind the records that raised it
    why text NOT NULL,
    raised_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (log, topic, partition)
);

-- What was counted again in whatever way is no longer among what is not counted.
CREATE OR REPLACE VIEW dashboard_reject AS
SELECT batch_log.recorded_at, reject.reject_no, reject.topic, reject.kind, reject.team, reject.received_at,
    coalesce(again.recorded_at, reject.replayed_at) AS replayed_at, dismissal.reject_no IS NOT NULL AS dismissed
FROM reject
JOIN batch_log USING (batch_id)
LEFT JOIN (SELECT origin, position, batch_log.recorded_at FROM replay JOIN batch_log USING (batch_id)) AS again
    USING (origin, position)
LEFT JOIN dismissal USING (reject_no);

GRANT SELECT ON replay, dismissal, reject_alarm TO groenmeter_writer;
GRANT INSERT ON replay, reject_alarm TO groenmeter_writer;
GRANT UPDATE (content, batch_id) ON replay TO groenmeter_writer;
GRANT UPDATE (next, why, raised_at) ON reject_alarm TO groenmeter_writer;
GRANT SELECT ON reject_alarm TO groenmeter_reader;
GRANT SELECT (receipt, received_at, batch_id) ON replay TO groenmeter_reader;
GRANT SELECT (reject_no, recorded_at) ON dismissal TO groenmeter_reader;
