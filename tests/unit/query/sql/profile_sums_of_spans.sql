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
            profile_id, timestamp, duration_ns, service_name, invocation_id, session_id, trace_id, span_id, agent_name, labels, sample_types, `samples.stack`, `samples.values`, `samples.span_id`
        FROM cpu_profiles
        WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
            AND hasAny(`samples.span_id`, ['00f067aa0ba902b7'])
            AND profile_type = 'CPU'
            AND has(sample_types, 'cpu/nanoseconds')
        LIMIT 1 BY profile_id
    )
    ARRAY JOIN
        `samples.stack` AS stack,
        `samples.values` AS sample_values,
        `samples.span_id` AS sample_span_id
    WHERE (sample_span_id IN ['00f067aa0ba902b7'])
    GROUP BY stack
    HAVING total != 0
    ORDER BY abs(total) DESC, stack
)
