SELECT
    trace_id,
    toUnixTimestamp64Nano(min(start)) AS start_ns,
    toUnixTimestamp64Nano(max(`end`)) AS end_ns,
    end_ns - start_ns AS length_ns
FROM trace_times
WHERE trace_id IN (
    SELECT trace_id
    FROM spans
    WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
        AND trace_id = '0af7651916cd43dd8448eb211c80319c'
        AND service_name = 'check\'out'
        AND span_name = 'GET /'
        AND span_kind = 'SERVER'
        AND status_code = 'ERROR'
        AND agent_name = 'planner'
        AND session_id = 's-1'
        AND invocation_id = 'i-1'
        AND user_id = 'ann'
        AND llm_model = 'meta-llama/Llama-3'
        AND tool_name = 'search'
        AND (positionCaseInsensitiveUTF8(span_name, 'time out') > 0 OR positionCaseInsensitiveUTF8(status_message, 'time out') > 0 OR arrayExists(value -> positionCaseInsensitiveUTF8(value, 'time out') > 0, mapValues(attributes_string)))
)
GROUP BY trace_id
HAVING length_ns >= 250000000
    AND length_ns <= 5000000000
ORDER BY start_ns DESC, trace_id DESC
LIMIT 51
