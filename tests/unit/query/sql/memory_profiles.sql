SELECT uniqExact(profile_id)
FROM memory_profiles
WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
    AND service_name = 'alpha'
    AND agent_name = 'planner'
    AND invocation_id = 'i-1'
    AND session_id = 's-1'
    AND inserted_at < fromUnixTimestamp64Milli(1700003600000, 'UTC')
