SELECT method, count(), sum(total)
FROM
(
    SELECT
        multiIf(
            max(sample_span_id != '' OR (sample_trace_id != '' AND NOT agent_name = 'planner')),
            'sample_span',
            any(span_id) != '', 'profile_span',
            any(agent_name = 'planner'), 'profile_agent',
            any(trace_id) != '', 'profile_trace',
            'invocation_overlap') AS method,
        sum(sample_values[indexOf(sample_types, 'cpu/nanoseconds')]) AS total
    FROM (
        SELECT
            profile_id, timestamp, duration_ns, service_name, invocation_id, session_id, trace_id, span_id, agent_name, labels, sample_types, `samples.values`, `samples.trace_id`, `samples.span_id`
        FROM cpu_profiles
        WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
            AND timestamp < fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
            AND service_name = 'check'
            AND profile_type = 'CPU'
            AND (true OR profile_id IN splitByChar(' ', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'))
            AND profile_type = 'CPU'
            AND has(sample_types, 'cpu/nanoseconds')
        LIMIT 1 BY profile_id
    )
    ARRAY JOIN
        `samples.values` AS sample_values,
        `samples.trace_id` AS sample_trace_id,
        `samples.span_id` AS sample_span_id
    WHERE ((cityHash64(if(sample_trace_id != '', sample_trace_id, toString(trace_id)), if(sample_span_id != '' OR sample_trace_id != '', sample_span_id, toString(span_id))) IN [1, 18446744073709551615] OR (if(sample_trace_id != '', sample_trace_id, toString(trace_id)) = '' AND if(sample_span_id != '' OR sample_trace_id != '', sample_span_id, toString(span_id)) IN splitByChar(' ', '00f067aa0ba902b7')) OR profile_id IN splitByChar(' ', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')))
    GROUP BY profile_id
)
GROUP BY method
ORDER BY method
