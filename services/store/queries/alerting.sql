-- name: subscribers
SELECT subscriber_no, name, channel, address, secret, targets, team, severity, language, created_at, disabled_why
FROM subscriber
ORDER BY name;

-- name: add_subscriber
INSERT INTO subscriber (name, channel, address, secret, targets, team, severity, language)
VALUES (%(name)s, %(channel)s, %(address)s, %(secret)s, %(targets)s, %(team)s, %(severity)s, %(language)s)
ON CONFLICT (name) DO NOTHING
RETURNING subscriber_no;

-- name: remove_subscriber
DELETE FROM subscriber WHERE name = %s;

-- name: disable_subscriber
UPDATE subscriber SET disabled_at = clock_timestamp(), disabled_why = %(why)s
WHERE subscriber_no = %(subscriber_no)s AND disabled_at IS NULL;

-- name: installation_id
SELECT id FROM installation;

-- name: become_the_teller
SELECT pg_try_advisory_lock(hashtext('groenmeter teller'));

-- name: take_changes
WITH taken AS (
    INSERT INTO told_change (change_no)
    SELECT change_no
    FROM band_change
    WHERE worse AND NOT EXISTS (SELECT FROM told_change WHERE told_change.change_no = band_change.change_no)
    ON CONFLICT DO NOTHING
    RETURNING change_no
)
SELECT change_no, band_change.target, from_band, to_band, since, changed_at, evaluation.row
FROM taken
JOIN band_change USING (change_no)
JOIN evaluation USING (evaluation_no)
ORDER BY change_no;

-- name: add_message
INSERT INTO message (message_id, change_no, subscriber_no) VALUES (%s, %s, %s);

-- name: hold_back
UPDATE message SET problem = %(problem)s
FROM subscriber
WHERE subscriber.subscriber_no = message.subscriber_no AND channel = %(channel)s
    AND state = 'waiting' AND problem IS DISTINCT FROM %(problem)s;

-- name: due_messages
-- One message for each subscriber, the oldest: a slow receiver takes one place, however much waits for it.
-- The conditions stand twice, because only the outer ones are looked at again after waiting for a lock.
-- One that is due later than any wait was noted while the clock was ahead.
SELECT message_id, subscriber_no, attempts,
    change_no, band_change.target, from_band, to_band, since, changed_at, evaluation.row
FROM message
JOIN (
    SELECT DISTINCT ON (message.subscriber_no) message_id
    FROM message
    JOIN subscriber USING (subscriber_no)
    WHERE state = 'waiting' AND (next_attempt_at <= clock_timestamp() OR next_attempt_at > clock_timestamp() + %(longest)s)
        AND channel <> ALL (%(held_back)s) AND subscriber_no <> ALL (%(busy)s)
    ORDER BY message.subscriber_no, change_no
) AS oldest USING (message_id)
JOIN band_change USING (change_no)
JOIN evaluation USING (evaluation_no)
WHERE state = 'waiting' AND (next_attempt_at <= clock_timestamp() OR next_attempt_at > clock_timestamp() + %(longest)s)
ORDER BY next_attempt_at
LIMIT %(most)s
FOR UPDATE OF message SKIP LOCKED;

-- name: begin_attempt
UPDATE message
SET attempts = attempts + 1, first_attempt_at = coalesce(first_attempt_at, clock_timestamp()),
    next_attempt_at = clock_timestamp() + %(wait)s
WHERE message_id = %(message_id)s;

-- name: note_sent
UPDATE message SET state = 'sent', ended_at = clock_timestamp(), problem = NULL
WHERE message_id = %s AND state <> 'sent';

-- name: note_failed
UPDATE message
SET problem = %(problem)s,
    state = CASE WHEN over THEN 'given up' ELSE 'waiting' END,
    ended_at = CASE WHEN over THEN clock_timestamp() END
FROM (
    SELECT message_id, clock_timestamp() - first_attempt_at >= %(patience)s AS over
    FROM message
    WHERE message_id = %(message_id)s AND state = 'waiting'
) AS tried
WHERE tried.message_id = message.message_id
RETURNING state;

-- name: give_up_on_subscriber
UPDATE message SET state = 'given up', ended_at = clock_timestamp(), problem = %(why)s
WHERE subscriber_no = %(subscriber_no)s AND state = 'waiting';

-- name: list_messages
SELECT message_id, subscriber.name AS subscriber, channel, band_change.target, from_band, to_band, since, message.created_at,
    state, attempts, CASE WHEN state = 'waiting' THEN next_attempt_at END AS next_attempt_at, ended_at, problem
FROM message
JOIN subscriber USING (subscriber_no)
JOIN band_change USING (change_no)
ORDER BY message.created_at DESC, message_id
LIMIT %s;
