SELECT intDiv(toUnixTimestamp64Nano(timestamp), 3600000000000) * 3600000000000 AS hour
FROM metric_samples
WHERE metric_name = 'it\'s a metric'
    AND timestamp >= fromUnixTimestamp64Nano(1699996200000000000, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(1700003640000000000, 'UTC')
    AND inserted_at > fromUnixTimestamp64Milli(1700000000123, 'UTC')
GROUP BY hour
