SELECT
    sum(total),
    sum(abs(total)),
    groupArray(100000)(stack),
    groupArray(100000)(total)
FROM
(
    SELECT
        stack,
        sum(sample_values[indexOf(sample_types, 'cpu/nanoseconds')]) AS total
    FROM (
        SELECT
            profile_id, timestamp, duration_ns, service_name, invocation_id, session_id, trace_id, span_id, agent_name, labels, sample_types, `samples.stack`, `samples.values`
        FROM cpu_profiles
        WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
            AND timestamp < fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
            AND service_name = 'alpha'
            AND profile_type = 'CPU'
            AND has(sample_types, 'cpu/nanoseconds')
        LIMIT 1 BY profile_id
    )
    ARRAY JOIN
        `samples.stack` AS stack,
        `samples.values` AS sample_values
    WHERE true
    GROUP BY stack
    HAVING total != 0
    ORDER BY abs(total) DESC, stack
)
