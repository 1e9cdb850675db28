SELECT
    groupArray(trace_id),
    groupArray(span_id),
    groupArray(parent_span_id),
    groupArray(found)
FROM (
    SELECT
        trace_id,
        span_id,
        parent_span_id,
        (span_name = 'it\'s'
            AND agent_name = 'planner'
            AND llm_model = 'meta-llama/Llama-3'
            AND tool_name = 'search') AS found
    FROM spans
    WHERE trace_id IN (
        SELECT trace_id
        FROM spans
        WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
            AND timestamp < fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
            AND trace_id IN splitByChar(' ', '0af7651916cd43dd8448eb211c80319c ffffffffffffffffffffffffffffffff')
            AND span_name = 'it\'s'
            AND agent_name = 'planner'
            AND llm_model = 'meta-llama/Llama-3'
            AND tool_name = 'search'
    )
        AND timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
    LIMIT 200001
)
