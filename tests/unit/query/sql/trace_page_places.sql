SELECT
    toUnixTimestamp64Nano(timestamp),
    span_id,
    cityHash64(duration_ns, service_name, span_name, span_kind),
    byteSize(`status_message`, `attributes_string`, `attributes_json`, `resource_attributes`, `events.attributes`, `links.attributes`)
FROM spans
WHERE trace_id = '0af7651916cd43dd8448eb211c80319c'
    AND timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
    AND timestamp <= fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
ORDER BY timestamp, span_id, cityHash64(duration_ns, service_name, span_name, span_kind)
LIMIT 1 BY timestamp, span_id, cityHash64(duration_ns, service_name, span_name, span_kind)
LIMIT 10001
