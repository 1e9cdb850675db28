SELECT
    intDiv(toUnixTimestamp64Nano(timestamp), 60000000000) * 60000000000 AS begin_ns,
    service_name,
    agent_name,
    '' AS id,
    '',
    uniqExact(profile_id),
    max(total_allocated),
    max(allocation_count),
    max(current_usage),
    max(current_count),
    max(peak_usage),
    max(rss_bytes),
    max(virtual_bytes)
FROM memory_profiles
WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
    AND service_name = 'alpha'
    AND agent_name = 'planner'
    AND invocation_id = 'i-1'
    AND session_id = 's-1'
    AND inserted_at < fromUnixTimestamp64Milli(1700003600000, 'UTC')
GROUP BY begin_ns, service_name, agent_name
HAVING true
ORDER BY begin_ns DESC, service_name DESC, agent_name DESC
LIMIT 51
