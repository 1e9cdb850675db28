SELECT
    span_name,
    toString(span_kind) AS kind_name,
    count(),
    countIf(status_code = 'ERROR'),
    toUnixTimestamp64Nano(max(timestamp)),
    quantilesTDigest(0.5, 0.95)(duration_ns)
FROM spans
WHERE service_name = 'alpha'
    AND timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
GROUP BY span_name, kind_name
ORDER BY span_name, kind_name
LIMIT 51
