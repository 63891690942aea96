-- The newest alarm of each partition whose rejects became too many. What 0013 made for it was never written.
DROP TABLE reject_run;
CREATE TABLE reject_alarm (
    log text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next bigint NOT NULL, -- the offset behind the records that raised it
    why text NOT NULL,
    raised_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (log, topic, partition)
);
GRANT SELECT, INSERT ON reject_alarm TO groenmeter_writer;
GRANT UPDATE (next, why, raised_at) ON reject_alarm TO groenmeter_writer;
GRANT SELECT ON reject_alarm TO groenmeter_reader;
