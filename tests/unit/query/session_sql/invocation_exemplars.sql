SELECT
    metric_name,
    toUnixTimestamp64Nano(timestamp),
    fingerprint,
    position,
    toUnixTimestamp64Nano(exemplar_timestamp),
    value,
    value_remainder,
    toString(value_type),
    trace_id,
    span_id,
    attributes
FROM metric_exemplars
WHERE timestamp >= fromUnixTimestamp64Nano(1777636800000000001, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(1777640400000000000, 'UTC')
    AND (trace_id IN ['0af7651916cd43dd8448eb211c80319c'] OR arrayExists(key -> JSONExtractString(attributes, key) = 'it\'s / %2F', ['invocation_id', 'invocation.id', 'gcp.vertex.agent.invocation_id', 'rak.invocation_id']))
ORDER BY timestamp, metric_name, fingerprint, position
LIMIT 1 BY timestamp, metric_name, fingerprint, position
LIMIT 21
