-- Partitions that no processor reads on, and why: beside the offsets, so that every processor keeps to it, and
-- the commands can say so. `next` is the first record that is not counted. An operator's command removes the row.
CREATE TABLE stopped_partition (
    log text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    reason text NOT NULL CHECK (reason IN ('log-mismatch', 'newer-schema', 'rejects')),
    next bigint NOT NULL,
    detail text NOT NULL,
    worker text NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (log, topic, partition)
);

GRANT SELECT, INSERT ON stopped_partition TO groenmeter_writer;
GRANT UPDATE (reason, next, detail, worker, since) ON stopped_partition TO groenmeter_writer;
