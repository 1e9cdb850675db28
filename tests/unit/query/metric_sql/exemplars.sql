SELECT
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
WHERE metric_name = 'm'
    AND timestamp >= fromUnixTimestamp64Nano(1700000040000000000, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(1700003640000000000, 'UTC')
ORDER BY timestamp DESC, fingerprint DESC, position DESC
LIMIT 1 BY timestamp, fingerprint, position
LIMIT 51
