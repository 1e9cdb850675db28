SELECT
    byteSize(body, body_json, attributes_string, attributes_json, resource_attributes)
FROM logs
WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
    AND inserted_at < fromUnixTimestamp64Milli(1700003600000, 'UTC')
    AND timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
    AND (timestamp, ingested_at, position) >= (fromUnixTimestamp64Nano(1700000000000000001, 'UTC'), fromUnixTimestamp64Milli(1700003600000, 'UTC'), 7)
    AND timestamp <= fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
    AND (timestamp, ingested_at, position) <= (fromUnixTimestamp64Nano(1700003600000000000, 'UTC'), fromUnixTimestamp64Milli(1700003600000, 'UTC'), 0)
ORDER BY timestamp ASC, ingested_at ASC, position ASC, cityHash64(time_is_observed, observed_timestamp, trace_id, span_id, flags, service_name, severity_number, severity_text, event_name, body, body_json, invocation_id, session_id, user_id, agent_name, llm_model, tool_name, attributes_string, attributes_int, attributes_float, attributes_bool, attributes_json, dropped_attributes_count, resource_attributes, resource_dropped_attributes_count, resource_entity_refs, resource_schema_url, scope_name, scope_version, scope_attributes, scope_dropped_attributes_count, scope_schema_url, _batch) ASC
LIMIT 2 OFFSET 0
