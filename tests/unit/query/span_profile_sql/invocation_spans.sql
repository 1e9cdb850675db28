SELECT groupArray(invocation_id), groupArray(start_ns), groupArray(end_ns)
FROM (
    SELECT DISTINCT
        invocation_id,
        toUnixTimestamp64Nano(timestamp) AS start_ns,
        toUnixTimestamp64Nano(end_timestamp) AS end_ns
    FROM spans
    WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
        AND span_name = 'it\'s'
        AND agent_name = 'planner'
        AND llm_model = 'meta-llama/Llama-3'
        AND tool_name = 'search'
        AND invocation_id IN ['i-1', 'i-2']
    LIMIT 200001
)
