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
    length(`functions.id`),
    length(arrayDistinct(`samples.stack`)),
    length(raw_pprof),
    arraySlice(
        arraySort(arrayFilter(id -> id != '', arrayDistinct(`samples.trace_id`))), 1, 100),
    arrayMap(known -> toString(known.1), arraySlice(arraySort(arrayZip(`functions.name`, `functions.filename`, `functions.start_line`)), 1, 10000) AS sorted_functions),
    arrayMap(known -> toString(known.2), sorted_functions),
    arrayMap(known -> known.3, sorted_functions)
FROM cpu_profiles
WHERE profile_id = 'd6c92442aaa37421f34c5289f5139478'
ORDER BY timestamp DESC
LIMIT 1
