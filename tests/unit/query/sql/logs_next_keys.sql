SELECT
    toUnixTimestamp64Nano(timestamp),
    toUnixTimestamp64Milli(ingested_at),
    position
FROM logs
WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
    AND inserted_at < fromUnixTimestamp64Milli(1700003600000, 'UTC')
    AND timestamp <= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
    AND (timestamp, ingested_at, position) <= (fromUnixTimestamp64Nano(1700000000000000001, 'UTC'), fromUnixTimestamp64Milli(1700003600000, 'UTC'), 7)
ORDER BY timestamp DESC, ingested_at DESC, position DESC
LIMIT 51 OFFSET 2
