-- name: rejects
SELECT reject_no, recorded_at, received_at, topic, origin, position, team, kind, source, id, problems,
    token.name AS posted_by, substring(payload FROM 1 FOR 1000) AS beginning, payload <> '' AS is_kept, replayed_at,
    erased_at
FROM reject
JOIN batch_log USING (batch_id)
LEFT JOIN token USING (token_no)
WHERE recorded_at <= %(as_of)s
    AND (%(team)s::text IS NULL OR team = %(team)s)
    AND (%(since)s::timestamptz IS NULL OR recorded_at >= %(since)s)
    AND (%(after)s::bigint IS NULL
        OR (recorded_at, reject_no) > (SELECT recorded_at, reject_no
            FROM reject JOIN batch_log USING (batch_id) WHERE reject_no = %(after)s))
ORDER BY recorded_at, reject_no
LIMIT %(limit)s;

-- name: rejects_to_replay
-- With the teams that the token it was posted with may speak for.
SELECT reject_no, team, topic, payload, token_no IS NOT NULL AS from_the_door, token.teams
FROM reject
LEFT JOIN token USING (token_no)
WHERE reject_no = ANY (%s::bigint[]) AND replayed_at IS NULL AND payload <> ''
ORDER BY reject_no;

-- name: mark_replayed
UPDATE reject SET replayed_at = clock_timestamp() WHERE reject_no = %s AND replayed_at IS NULL;
