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
    WHERE true
)
GROUP BY trace_id
HAVING countIf(seen) > 0
ORDER BY start_ns DESC, trace_id DESC
LIMIT 51
