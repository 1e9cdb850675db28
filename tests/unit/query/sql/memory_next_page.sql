SELECT
    toUnixTimestamp64Nano(max(timestamp)) AS begin_ns,
    service_name,
    agent_name,
    profile_id AS id,
    invocation_id,
    1,
    any(total_allocated),
    any(allocation_count),
    any(current_usage),
    any(current_count),
    any(peak_usage),
    any(rss_bytes),
    any(virtual_bytes)
FROM memory_profiles
WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
    AND inserted_at < fromUnixTimestamp64Milli(1700003600000, 'UTC')
GROUP BY profile_id, service_name, agent_name, invocation_id
HAVING (begin_ns, service_name, agent_name, id) < (1700003600000000000, 'alpha', 'planner', 'd6c92442aaa37421f34c5289f5139478')
ORDER BY begin_ns DESC, service_name DESC, agent_name DESC, id DESC
LIMIT 51
