SELECT
    boot,
    toUnixTimestamp64Milli(min(started_at)),
    toUnixTimestamp64Milli(max(at)),
    max(outcome = 'ended'),
    argMax(release, at)
FROM pipeline FINAL
WHERE signal = 'spans'
    AND hour >= fromUnixTimestamp64Nano(1699999200000000000, 'UTC')
    AND service = 'receiver'
    AND outcome IN ['running', 'ended']
GROUP BY boot
