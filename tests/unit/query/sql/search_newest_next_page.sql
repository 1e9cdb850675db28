SELECT
    trace_id,
    toUnixTimestamp64Nano(min(start)) AS start_ns,
    toUnixTimestamp64Nano(max(`end`)) AS end_ns,
    end_ns - start_ns AS length_ns
FROM trace_times
WHERE trace_id IN (
    SELECT trace_id
    FROM spans
    WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
)
GROUP BY trace_id
HAVING start_ns >= 1700000000000000006
    AND (start_ns < 1700003600000000000 OR (start_ns = 1700003600000000000 AND trace_id < '0af7651916cd43dd8448eb211c80319c'))
ORDER BY start_ns DESC, trace_id DESC
LIMIT 51
