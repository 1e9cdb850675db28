SELECT
    profile_id,
    toUnixTimestamp64Nano(timestamp),
    time_is_received,
    duration_seconds,
    duration_ns,
    service_name,
    invocation_id,
    session_id,
    trace_id,
    span_id,
    agent_name,
    labels,
    sample_type,
    sample_types,
    totals,
    period_type,
    period,
    toUnixTimestamp64Milli(ingested_at),
    toString(profile_type),
    length(`samples.stack`),
    length(`functions.id`)
FROM cpu_profiles
WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
    AND timestamp <= fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
    AND profile_id IN ['d6c92442aaa37421f34c5289f5139478', 'ffffffffffffffffffffffffffffffff']
ORDER BY timestamp DESC
LIMIT 1 BY profile_id
