SELECT
    trace_id,
    toUnixTimestamp64Nano(min(start)) AS begin_ns,
    toUnixTimestamp64Nano(max(`end`)) - begin_ns,
    begin_ns,
    toUnixTimestamp64Nano(max(`end`))
FROM trace_times
WHERE trace_id IN ['0af7651916cd43dd8448eb211c80319c']
GROUP BY trace_id
HAVING (begin_ns, trace_id) > (1777636800000000001, '0af7651916cd43dd8448eb211c80319c')
ORDER BY begin_ns, trace_id
LIMIT 21
