-- name: next_offsets
SELECT log, topic, partition, next
FROM source_offset
JOIN unnest(%s::text[], %s::text[], %s::integer[]) AS wanted (log, topic, partition)
USING (log, topic, partition);

-- name: newest_version
SELECT max(version) FROM configuration;

-- name: integrators
SELECT jsonb_object_keys(document -> 'integrators')
FROM (SELECT document FROM configuration ORDER BY version DESC LIMIT 1) AS newest;
