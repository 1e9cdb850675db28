SELECT
    toString(profile_type),
    toString(sample_type),
    sample_types,
    uniqExact(profile_id),
    toDate(min(timestamp)),
    toDate(max(timestamp)),
    groupUniqArray(toString(service_name))
FROM cpu_profiles
WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
    AND service_name = 'alpha'
GROUP BY profile_type, sample_type, sample_types
ORDER BY profile_type, sample_type, sample_types
