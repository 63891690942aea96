-- name: rejects
-- As they stood after a batch. Who posted: the name of a token, or integrator/SLUG.
SELECT reject.reject_no, batch_log.recorded_at, reject.received_at, reject.topic, reject.origin, reject.position,
    reject.team, reject.kind, reject.source, reject.id, reject.problems,
    coalesce(token.name, 'integrator/' || nullif(split_part(reject.topic, '.', 3), '')) AS posted_by,
    substring(reject.payload FROM 1 FOR 1000) AS beginning, reject.payload <> '' AS is_kept, reject.erased_at,
    CASE WHEN again.receipt IS NOT NULL OR reject.replayed_at IS NOT NULL THEN 'replayed'
        WHEN dismissed.reject_no IS NOT NULL THEN 'dismissed' ELSE 'open' END AS state,
    coalesce(again.recorded_at, reject.replayed_at) AS replayed_at,
    again.received_at AS again_received_at, again.name AS again_posted_by, again.corrected, outcome.added,
    outcome.repeats, outcome.rejected, refused_again, before.reject_no AS replay_of,
    dismissed.recorded_at AS dismissed_at, dismissed_by, note
FROM reject
JOIN batch_log ON batch_log.batch_id = reject.batch_id
LEFT JOIN token ON token.token_no = reject.token_no
LEFT JOIN (
    SELECT replay.*, batch_log.recorded_at, token.name
    FROM replay
    JOIN batch_log USING (batch_id)
    LEFT JOIN token USING (token_no)
) AS again
    ON (again.origin, again.position) = (reject.origin, reject.position) AND again.recorded_at <= %(as_of)s
LEFT JOIN LATERAL (
    SELECT sum(added)::integer AS added, sum(repeats)::integer AS repeats, sum(rejected)::integer AS rejected
    FROM receipt_part
    WHERE receipt_part.receipt = again.receipt
) AS outcome ON true
LEFT JOIN LATERAL (
    SELECT array_agg(refused.reject_no ORDER BY refused.reject_no) AS refused_again
    FROM generate_series(0, again.records - 1) AS part
    JOIN reject AS refused ON refused.origin = 'replay/' || again.receipt || '/' || part
) AS refused ON true
LEFT JOIN replay AS came_by ON came_by.receipt = reject.receipt
LEFT JOIN reject AS before ON (before.origin, before.position) = (came_by.origin, came_by.position)
LEFT JOIN dismissal AS dismissed
    ON dismissed.reject_no = reject.reject_no AND dismissed.recorded_at <= %(as_of)s
WHERE batch_log.recorded_at <= %(as_of)s
    AND (%(numbers)s::bigint[] IS NULL OR reject.reject_no = ANY (%(numbers)s))
    AND (%(team)s::text IS NULL OR reject.team = %(team)s)
    AND (%(since)s::timestamptz IS NULL OR batch_log.recorded_at >= %(since)s)
    AND (%(closed_too)s
        OR again.receipt IS NULL AND reject.replayed_at IS NULL AND dismissed.reject_no IS NULL)
    AND (%(after)s::bigint IS NULL
        OR (batch_log.recorded_at, reject.reject_no) > (SELECT recorded_at, reject_no
            FROM reject JOIN batch_log USING (batch_id) WHERE reject_no = %(after)s))
ORDER BY batch_log.recorded_at, reject.reject_no
LIMIT %(limit)s;

-- name: rejects_to_replay
-- With the teams that the token it was posted with may speak for, and the replay that there is already.
SELECT reject.reject_no, origin, position, team, topic, payload, problems,
    reject.token_no IS NOT NULL AS from_the_door, token.teams,
    reject.replayed_at IS NOT NULL OR replay.batch_id IS NOT NULL AS is_replayed,
    dismissal.reject_no IS NOT NULL AS is_dismissed,
    replay.receipt, replay.token_no, replay.received_at, replay.configuration, replay.corrected, replay.records,
    replay.content
FROM reject
LEFT JOIN token USING (token_no)
LEFT JOIN replay USING (origin, position)
LEFT JOIN dismissal ON dismissal.reject_no = reject.reject_no
WHERE reject.reject_no = ANY (%s::bigint[])
ORDER BY reject.reject_no;

-- name: begin_replay
INSERT INTO replay (origin, position, receipt, token_no, received_at, configuration, corrected, records, content)
SELECT %(origin)s, %(position)s, %(receipt)s, %(token_no)s, %(received_at)s, %(configuration)s, %(corrected)s,
    %(records)s, %(content)s
WHERE NOT EXISTS (
    SELECT
    FROM dismissal
    JOIN reject USING (reject_no)
    WHERE (origin, position) = (%(origin)s, %(position)s)
)
ON CONFLICT DO NOTHING;

-- name: know_replays
-- From their records: those that are not known are of before a restore.
INSERT INTO replay (origin, position, receipt, token_no, received_at, configuration, corrected, records, content)
SELECT *, ''
FROM unnest(
    %s::text[], %s::integer[], %s::text[], %s::integer[], %s::timestamptz[], %s::integer[], %s::boolean[],
    %s::integer[]
) AS counted (origin, position, receipt, token_no, received_at, configuration, corrected, records)
ORDER BY origin COLLATE "C", position, receipt
ON CONFLICT DO NOTHING;

-- name: lock_replays
-- In one order, and before the next statement looks: batches may count the records of one replay at once.
SELECT receipt
FROM replay
JOIN unnest(%s::text[], %s::integer[]) AS wanted (origin, position) USING (origin, position)
ORDER BY origin COLLATE "C", position
FOR UPDATE OF replay;

-- name: close_replays
UPDATE replay SET batch_id = %(batch_id)s, content = ''
WHERE receipt = ANY (%(receipts)s) AND batch_id IS NULL
    AND records = (SELECT count(*) FROM receipt_part WHERE receipt_part.receipt = replay.receipt);

-- name: replay_outcome
-- What became of replays: how many are not counted yet, and the sums over those that are.
SELECT count(*) FILTER (WHERE replay.batch_id IS NULL), coalesce(sum(added), 0)::bigint, coalesce(sum(repeats), 0)::bigint,
    coalesce(sum(rejected), 0)::bigint
FROM reject
JOIN replay USING (origin, position)
LEFT JOIN LATERAL (
    SELECT sum(added) AS added, sum(repeats) AS repeats, sum(rejected) AS rejected
    FROM receipt_part
    WHERE receipt_part.receipt = replay.receipt
) AS outcome ON true
WHERE reject_no = ANY (%s::bigint[]);

-- name: fingerprints
-- The revisions that the ledger has of measurements.
SELECT team, kind, source.source, measurement.id, revision, fingerprint
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS wanted (team, kind, source, id)
JOIN source USING (team, kind, source)
JOIN measurement USING (source_no, id);

-- name: note_alarm
INSERT INTO reject_alarm (log, topic, partition, next, why) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (log, topic, partition) DO UPDATE
SET next = excluded.next, why = excluded.why, raised_at = clock_timestamp();

-- name: newest_alarms
SELECT topic, partition, next, why, raised_at
FROM reject_alarm
WHERE raised_at > clock_timestamp() - interval '1 day'
ORDER BY raised_at DESC;

-- name: dismiss
-- Together at one moment of the batch log; only those that are open.
INSERT INTO dismissal (reject_no, recorded_at, dismissed_by, note)
SELECT reject_no, record_change('rejects'), %(by)s, %(note)s
FROM reject
WHERE reject_no = ANY (%(numbers)s::bigint[]) AND replayed_at IS NULL
    AND NOT EXISTS (
        SELECT FROM replay WHERE (replay.origin, replay.position) = (reject.origin, reject.position)
    )
    AND NOT EXISTS (SELECT FROM dismissal WHERE dismissal.reject_no = reject.reject_no)
ON CONFLICT DO NOTHING
RETURNING reject_no;
