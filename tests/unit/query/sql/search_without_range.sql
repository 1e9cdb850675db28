SELECT
    trace_id,
    toUnixTimestamp64Nano(min(start)) AS start_ns,
    toUnixTimestamp64Nano(max(`end`)) AS end_ns,
    end_ns - start_ns AS length_ns
FROM trace_times
WHERE trace_id IN (
    SELECT trace_id
    FROM spans
    WHERE true
)
GROUP BY trace_id
HAVING true
ORDER BY start_ns DESC, trace_id DESC
LIMIT 51
