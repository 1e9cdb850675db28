SELECT
    key, service_name, scope_name, scope_version,
    sum(k.spans) AS total,
    toUnixTimestamp64Nano(min(k.first_seen)) AS first,
    toUnixTimestamp64Nano(max(k.last_seen)) AS last
FROM attribute_keys AS k
WHERE hour >= toDateTime(1699999200, 'UTC')
    AND key NOT IN ['gen_ai.system']
    AND NOT startsWith(key, 'gen_ai.prompt.variable.')
    AND NOT startsWith(key, 'gen_ai.prompt.')
    AND NOT startsWith(key, 'gen_ai.completion.')
    AND NOT startsWith(key, 'gen_ai.compaction.')
    AND NOT startsWith(key, 'gen_ai.usage.details.')
    AND NOT startsWith(key, 'gen_ai.aggregated_usage.')
GROUP BY key, service_name, scope_name, scope_version
HAVING true
ORDER BY key, service_name, scope_name, scope_version
LIMIT 51
