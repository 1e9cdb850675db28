SELECT
    intDiv(toUnixTimestamp64Nano(timestamp), 60000000000) * 60000000000 AS begin_ns,
    count(),
    countIf(severity_number BETWEEN 1 AND 4),
    countIf(severity_number BETWEEN 5 AND 8),
    countIf(severity_number BETWEEN 9 AND 12),
    countIf(severity_number BETWEEN 13 AND 16),
    countIf(severity_number BETWEEN 17 AND 20),
    countIf(severity_number BETWEEN 21 AND 24)
FROM logs
WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
    AND service_name = 'alpha'
GROUP BY begin_ns
ORDER BY begin_ns
