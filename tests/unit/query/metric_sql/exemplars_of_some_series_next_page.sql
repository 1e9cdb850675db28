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
    AND timestamp < fromUnixTimestamp64Nano(1700000040000000006, 'UTC')
    AND fingerprint IN (SELECT fingerprint FROM metric_series WHERE metric_name = 'm'
        AND day >= toDate(19675)
        AND day <= toDate(19675)
        AND labels['code'] = '200'
        AND labels['route'] != '/'
        AND match(labels['route'], '^(?s:/a\'.*)$')
        AND NOT match(if(JSONType(resource_attributes, 'host.name') = 'String', JSONExtractString(resource_attributes, 'host.name'), JSONExtractRaw(resource_attributes, 'host.name')), '^(?s:a|b)$'))
    AND (timestamp, fingerprint, position) < (fromUnixTimestamp64Nano(1700000040000000005, 'UTC'), toUInt64('18446744073709551615'), 3)
ORDER BY timestamp DESC, fingerprint DESC, position DESC
LIMIT 1 BY timestamp, fingerprint, position
LIMIT 51
