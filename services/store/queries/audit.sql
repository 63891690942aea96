-- name: audit
-- Newest first.
SELECT audit_no, changed_at, actor, login, about, subject, before, after
FROM audit
WHERE (%(since)s::timestamptz IS NULL OR changed_at >= %(since)s)
    AND (%(about)s::text IS NULL OR about = %(about)s)
    AND (%(subject)s::text IS NULL OR subject = %(subject)s)
    AND (%(before)s::bigint IS NULL OR audit_no < %(before)s)
ORDER BY audit_no DESC
LIMIT %(limit)s;

-- name: audited
SELECT DISTINCT about FROM audit ORDER BY about;
