SELECT
    toUnixTimestamp64Milli(inserted_at),
    toUnixTimestamp64Nano(timestamp),
    toUnixTimestamp64Milli(ingested_at),
    position
FROM logs
WHERE severity_number >= 17
    AND inserted_at < fromUnixTimestamp64Milli(1700003600000, 'UTC')
    AND inserted_at >= fromUnixTimestamp64Milli(1700003599000, 'UTC')
    AND (inserted_at, timestamp, ingested_at, position) >= (fromUnixTimestamp64Milli(1700003599000, 'UTC'), fromUnixTimestamp64Nano(1700000000000000001, 'UTC'), fromUnixTimestamp64Milli(1700003600000, 'UTC'), 7)
ORDER BY inserted_at ASC, timestamp ASC, ingested_at ASC, position ASC
LIMIT 501 OFFSET 3
