SELECT
    key, service_name, scope_name, scope_version,
    sum(k.spans) AS total,
    toUnixTimestamp64Nano(min(k.first_seen)) AS first,
    toUnixTimestamp64Nano(max(k.last_seen)) AS last
FROM attribute_keys AS k
WHERE hour >= toDateTime(1699999200, 'UTC')
    AND hour <= toDateTime(1700002800, 'UTC')
    AND service_name = 'alpha'
GROUP BY key, service_name, scope_name, scope_version
HAVING (total < 7 OR (total = 7 AND (key, service_name, scope_name, scope_version) > ('gen_ai.system', 'alpha', 'library', '1.2')))
ORDER BY total DESC, key, service_name, scope_name, scope_version
LIMIT 51
