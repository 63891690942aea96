-- name: forget_payloads
SELECT forget_payloads();

-- name: forgotten
SELECT forgotten_until AS until, ran_at, forgotten AS number, (
    SELECT count(*) FROM reject JOIN batch_log USING (batch_id)
    WHERE payload <> '' AND recorded_at < payloads_due()
) AS due
FROM retention
WHERE what = 'reject payloads';
