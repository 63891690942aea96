-- name: events
-- Every revision of a page of measurements, as they were in the ledger after a batch.
WITH page AS (
    SELECT source_no, team, kind, source, identity.id
    FROM source
    JOIN identity USING (source_no)
    WHERE (%(team)s::text IS NULL OR team = %(team)s)
        AND (%(kind)s::text IS NULL OR kind = %(kind)s)
        AND (%(source)s::text IS NULL OR source = %(source)s)
        AND (%(id)s::text IS NULL OR identity.id = %(id)s)
        AND (%(after)s::text[] IS NULL
            OR (team, kind, source, identity.id)
                > ((%(after)s::text[])[1], (%(after)s::text[])[2], (%(after)s::text[])[3], (%(after)s::text[])[4]))
        AND EXISTS (
            SELECT
            FROM measurement
            JOIN batch_log USING (batch_id)
            WHERE measurement.source_no = identity.source_no AND measurement.id = identity.id
                AND recorded_at <= %(as_of)s
                AND (%(from)s::date IS NULL OR coalesce(ends_at, starts_at + interval '1 microsecond')
                    > (SELECT coalesce(min(starts), 'infinity') FROM calendar_day WHERE day >= %(from)s))
                AND (%(to)s::date IS NULL
                    OR starts_at < (SELECT coalesce(max(ends), '-infinity') FROM calendar_day WHERE day < %(to)s))
        )
    ORDER BY team, kind, source, identity.id
    LIMIT %(limit)s
)
SELECT page.team, page.kind, page.source, page.id, revision, retracted, received_at, recorded_at, starts_at, ends_at,
    category, flow, site, method, detail, quantity, unit, pieces, cost, meter, posted, fingerprint, origin,
    coalesce(token.name, 'integrator/' || nullif(split_part(split_part(origin, '/', 2), '.', 3), '')) AS posted_by,
    texts, erased, shares
FROM page
JOIN measurement USING (source_no, id)
JOIN batch_log USING (batch_id)
LEFT JOIN token USING (token_no)
LEFT JOIN free_text USING (source_no, id, revision)
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(
        jsonb_build_object('day', day, 'base_unit', base_unit, 'base_quantity', share::text) ORDER BY place, day
    ), '[]') AS shares
    FROM (VALUES (1, unit, quantity), (2, 'piece', pieces), (3, 'cent', cost))
        AS amount (place, base_unit, base_quantity)
    CROSS JOIN LATERAL day_shares(base_quantity, starts_at, ends_at)
    WHERE base_quantity IS NOT NULL
) AS share
WHERE recorded_at <= %(as_of)s
ORDER BY page.team, page.kind, page.source, page.id, revision DESC;
