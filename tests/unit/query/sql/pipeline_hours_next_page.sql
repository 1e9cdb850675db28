SELECT DISTINCT toUnixTimestamp64Nano(hour) AS hour_ns, signal
FROM pipeline
WHERE signal IN ['spans']
    AND outcome != 'position'
    AND hour >= fromUnixTimestamp64Nano(1699999200000000000, 'UTC')
    AND hour < fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
    AND (hour < fromUnixTimestamp64Nano(1700002800000000000, 'UTC')
        OR (hour = fromUnixTimestamp64Nano(1700002800000000000, 'UTC') AND signal > 'spans'))
ORDER BY hour_ns DESC, signal
LIMIT 51
