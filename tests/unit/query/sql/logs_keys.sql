SELECT
    toUnixTimestamp64Nano(timestamp),
    toUnixTimestamp64Milli(ingested_at),
    position
FROM logs
WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
    AND service_name = 'check\'out'
    AND event_name = 'user.login'
    AND agent_name = 'planner'
    AND session_id = 's-1'
    AND invocation_id = 'i-1'
    AND user_id = 'ann'
    AND llm_model = 'meta-llama/Llama-3'
    AND tool_name = 'search'
    AND trace_id = '0af7651916cd43dd8448eb211c80319c'
    AND span_id = '00f067aa0ba902b7'
    AND severity_number >= 13
    AND body_folded LIKE caseFoldUTF8('%100\\%\\_\\\\%')
    AND ((mapContains(attributes_string, 'text') AND attributes_string['text'] = 'it\'s'))
    AND inserted_at < fromUnixTimestamp64Milli(1700003600000, 'UTC')
ORDER BY timestamp DESC, ingested_at DESC, position DESC
LIMIT 51 OFFSET 0
