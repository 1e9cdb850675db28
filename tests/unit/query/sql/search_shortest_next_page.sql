WITH inserted_at < fromUnixTimestamp64Milli(1700003600000, 'UTC') AS seen
SELECT
    trace_id,
    toUnixTimestamp64Nano(minIf(start, seen)) AS start_ns,
    toUnixTimestamp64Nano(maxIf(`end`, seen)) - start_ns AS length_ns,
    toUnixTimestamp64Nano(min(start)),
    toUnixTimestamp64Nano(max(`end`))
FROM trace_times
WHERE trace_id IN (
    SELECT trace_id
    FROM spans
    WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
)
GROUP BY trace_id
HAVING countIf(seen) > 0
    AND (length_ns > 1000 OR (length_ns = 1000 AND trace_id > '0af7651916cd43dd8448eb211c80319c'))
ORDER BY length_ns ASC, trace_id ASC
LIMIT 11
