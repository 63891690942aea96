-- name: redactions
SELECT redaction_no, redacted_at, team, kind, source, id, fingerprint, why, field, reject_no
FROM redaction
ORDER BY redaction_no;

-- name: redaction_key
SELECT id::text, redaction_key FROM installation;

-- name: set_redaction_key
UPDATE installation SET redaction_key = %s;

-- name: newest_redaction
SELECT coalesce(max(redaction_no), 0) FROM redaction;

-- name: lock_rules
-- Waits for the batches that are on their way, and holds up others, until this transaction ends.
SELECT pg_advisory_xact_lock(hashtext('groenmeter rules'));

-- name: insert_redaction
INSERT INTO redaction (redacted_at, team, kind, source, id, fingerprint, why, field, reject_no)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING;

-- name: find_texts
-- The free texts of the measurements that are asked for.
SELECT team, kind, source, id, revision, texts
FROM free_text
JOIN source USING (source_no)
WHERE texts <> '{}'
    AND (%(team)s::text IS NULL OR team = %(team)s)
    AND (%(kind)s::text IS NULL OR kind = %(kind)s)
    AND (%(source)s::text IS NULL OR source = %(source)s)
    AND (%(id)s::text IS NULL OR free_text.id = %(id)s)
    AND (%(revision)s::integer IS NULL OR revision = %(revision)s)
    AND (%(receipt)s::text IS NULL OR EXISTS (
        SELECT
        FROM measurement
        JOIN receipt_part ON record_id = origin
        WHERE (measurement.source_no, measurement.id, measurement.revision)
                = (free_text.source_no, free_text.id, free_text.revision)
            AND receipt = %(receipt)s
    ))
ORDER BY team, kind, source, free_text.id, revision;

-- name: find_rejects
-- The rejects that are asked for, with what is kept of them.
SELECT reject_no, team, kind, source, id, problems, payload
FROM reject
WHERE payload <> ''
    AND (%(team)s::text IS NULL OR team = %(team)s)
    AND (%(kind)s::text IS NULL OR kind = %(kind)s)
    AND (%(source)s::text IS NULL OR source = %(source)s)
    AND (%(id)s::text IS NULL OR id = %(id)s)
    AND (%(receipt)s::text IS NULL OR receipt = %(receipt)s)
    AND (%(rejects)s::bigint[] IS NULL OR reject_no = ANY (%(rejects)s))
ORDER BY reject_no;

-- name: texts_of_redacted
-- The free texts that are there still of measurements of which something was erased.
SELECT source_no, team, kind, source, id, revision, texts, erased
FROM (SELECT DISTINCT team, kind, source, id FROM redaction) AS redacted
JOIN source USING (team, kind, source)
JOIN free_text USING (source_no, id)
WHERE texts <> '{}';

-- name: erase_texts
UPDATE free_text SET texts = %(texts)s, erased = coalesce(erased, '{}') || %(erased)s
WHERE source_no = %(source_no)s AND id = %(id)s AND revision = %(revision)s;

-- name: fingerprint_of
SELECT fingerprint FROM measurement
WHERE source_no = %(source_no)s AND id = %(id)s AND revision = %(revision)s;

-- name: replace_fingerprint
UPDATE measurement SET fingerprint = %(fingerprint)s
WHERE source_no = %(source_no)s AND id = %(id)s AND revision = %(revision)s;

-- name: replace_counted_fingerprint
UPDATE identity SET fingerprint = %(fingerprint)s
WHERE source_no = %(source_no)s AND id = %(id)s AND revision = %(revision)s;

-- name: rejects_of_redacted
-- Rejects of measurements of which something was erased.
SELECT reject_no, team, kind, source, id, problems, payload
FROM (SELECT DISTINCT team, kind, source, id FROM redaction) AS redacted
JOIN reject USING (team, kind, source, id)
WHERE payload <> '';

-- name: kept_payloads
SELECT reject_no, problems, payload FROM reject WHERE payload <> '';

-- name: erase_reject
UPDATE reject SET payload = %(payload)s, problems = %(problems)s, erased_at = %(erased_at)s
WHERE reject_no = %(reject_no)s;

-- name: erase_whole_reject
UPDATE reject SET payload = '', problems = %(problems)s, source = NULL, id = NULL, erased_at = %(erased_at)s
WHERE reject_no = %(reject_no)s;

-- name: still_named
-- Measurements whose id or source holds a text: that is their name for ever and cannot be erased. `text` is as
-- `plain` of schemas/redaction.py makes it.
SELECT count(*) FROM source JOIN identity USING (source_no)
WHERE position(%(text)s IN lower(normalize(source, NFKC))) > 0
    OR position(%(text)s IN lower(normalize(identity.id, NFKC))) > 0;
