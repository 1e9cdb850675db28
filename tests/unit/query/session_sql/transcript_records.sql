SELECT
    trace_id,
    span_id,
    toUnixTimestamp64Nano(timestamp),
    if(event_name != '', toString(event_name), attributes_string['event.name']) AS told_name,
    agent_name,
    body, body_json, attributes_string, attributes_int, attributes_float, attributes_bool, attributes_json
FROM logs
WHERE trace_id IN ['0af7651916cd43dd8448eb211c80319c', 'ffffffffffffffffffffffffffffffff']
    AND timestamp >= fromUnixTimestamp64Nano(1777633200000000001, 'UTC')
    AND timestamp <= fromUnixTimestamp64Nano(1777644000000000000, 'UTC')
    AND (event_name IN ['gen_ai.system.message', 'gen_ai.user.message', 'gen_ai.assistant.message', 'gen_ai.tool.message', 'gen_ai.choice', 'gen_ai.client.inference.operation.details', 'gen_ai.content.prompt', 'gen_ai.content.completion'] OR attributes_string['event.name'] IN ['gen_ai.system.message', 'gen_ai.user.message', 'gen_ai.assistant.message', 'gen_ai.tool.message', 'gen_ai.choice', 'gen_ai.client.inference.operation.details', 'gen_ai.content.prompt', 'gen_ai.content.completion'])
ORDER BY timestamp, ingested_at, position
LIMIT 1 BY trace_id, span_id, timestamp, told_name, cityHash64(body, body_json, attributes_string, attributes_int, attributes_float, attributes_bool, attributes_json)
