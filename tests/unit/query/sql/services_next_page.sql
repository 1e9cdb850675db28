SELECT
    service_name,
    count(),
    countIf(status_code = 'ERROR'),
    toUnixTimestamp64Nano(max(timestamp))
FROM spans
WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
    AND service_name > 'alpha'
GROUP BY service_name
ORDER BY service_name
LIMIT 51
