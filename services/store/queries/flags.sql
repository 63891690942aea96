-- name: flag_cursor
SELECT batch_no FROM flag_cursor FOR UPDATE;

-- name: batches_to_judge
-- Up to which batch: so many that their readings fit one pass.
SELECT max(batch_no)
FROM (
    SELECT batch_no, sum(added) OVER (ORDER BY batch_no) - added AS before
    FROM (SELECT batch_no, added FROM batch_log WHERE batch_no > %(after)s ORDER BY batch_no LIMIT 5000) AS newest
) AS counted
WHERE before < %(most)s;

-- name: readings_to_judge
-- What was added in those batches and counts still, and what was taken back; as it was received: behind a restore
-- many posts are in one batch, and a copy must not come before its original.
SELECT team, kind, source, source_no, measurement.id, measurement.revision, retracted, starts_at, ends_at, category,
    flow, site, method, quantity, unit, pieces, cost, meter
FROM batch_log
JOIN measurement USING (batch_id)
JOIN identity USING (source_no, id, revision)
JOIN source USING (source_no)
WHERE batch_no > %(after)s AND batch_no <= %(until)s
ORDER BY received_at, batch_no, starts_at NULLS FIRST, source_no, measurement.id;

-- name: move_flag_cursor
UPDATE flag_cursor SET batch_no = %s;

-- name: usual
SELECT team, source, kind, category, flow, site, unit, span, meter, entries
FROM usual
JOIN unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
    AS wanted (team, source, kind, category, flow, site, unit, span, meter)
    USING (team, source, kind, category, flow, site, unit, span, meter);

-- name: keep_usual
INSERT INTO usual (team, source, kind, category, flow, site, unit, span, meter, entries)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (team, source, kind, category, flow, site, unit, span, meter) DO UPDATE SET entries = excluded.entries;

-- name: add_flag
INSERT INTO flag (source_no, id, revision, rule, field, unit, amount, usual, nl, en)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING;

-- name: learn_confirmed
-- What was confirmed is usual from now on.
WITH learnt AS (
    UPDATE flag SET learnt = true WHERE confirmed_at IS NOT NULL AND NOT learnt RETURNING source_no, id
), confirmed AS (
    SELECT team, kind, source, array_agg(id) AS ids
    FROM learnt
    JOIN source USING (source_no)
    GROUP BY team, kind, source
)
UPDATE usual
SET entries = (
    SELECT coalesce(jsonb_agg(
        CASE WHEN entry ->> 3 = ANY (confirmed.ids) THEN jsonb_set(entry, '{4}', '""') ELSE entry END ORDER BY place
    ), '[]')
    FROM jsonb_array_elements(entries) WITH ORDINALITY AS part (entry, place)
)
FROM confirmed
WHERE usual.team = confirmed.team AND usual.kind = confirmed.kind AND usual.source IN ('', confirmed.source);

-- name: forget_replaced
WITH replaced AS (
    SELECT team, kind, source, array_agg(id) AS ids
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS replaced (team, kind, source, id)
    GROUP BY team, kind, source
)
UPDATE usual
SET entries = (
    SELECT coalesce(jsonb_agg(entry ORDER BY place), '[]')
    FROM jsonb_array_elements(entries) WITH ORDINALITY AS part (entry, place)
    WHERE entry ->> 3 <> ALL (replaced.ids)
)
FROM replaced
WHERE usual.team = replaced.team AND usual.kind = replaced.kind AND usual.source IN ('', replaced.source);

-- name: flags
SELECT flag_no, team, kind, source, flag.id, flag.revision, rule, field, unit, amount, usual, nl, en, flagged_at,
    confirmed_at, confirmed_by,
    CASE WHEN identity.revision <> flag.revision THEN 'corrected'
        WHEN confirmed_at IS NOT NULL THEN 'confirmed' ELSE 'open' END AS state
FROM flag
JOIN source USING (source_no)
JOIN identity USING (source_no, id)
WHERE (%(team)s::text IS NULL OR team = %(team)s)
    AND (%(numbers)s::bigint[] IS NULL OR flag_no = ANY (%(numbers)s))
    AND (%(closed_too)s OR identity.revision = flag.revision AND confirmed_at IS NULL)
    AND (%(after)s::bigint IS NULL OR flag_no > %(after)s)
ORDER BY flag_no
LIMIT %(limit)s;

-- name: confirm_flags
UPDATE flag SET confirmed_at = clock_timestamp(), confirmed_by = %(by)s
FROM source
WHERE source.source_no = flag.source_no AND confirmed_at IS NULL AND flag_no = ANY (%(numbers)s::bigint[])
    AND (%(teams)s::text[] IS NULL OR team = ANY (%(teams)s::text[]))
RETURNING flag_no;
