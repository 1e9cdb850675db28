SELECT
    toUnixTimestamp64Nano(hour) AS hour_ns,
    service, outcome, boot, principal, reason,
    sum(items),
    toUnixTimestamp64Milli(max(at))
FROM pipeline FINAL
WHERE signal = 'spans'
    AND hour >= fromUnixTimestamp64Nano(1699999200000000000, 'UTC')
    AND hour <= fromUnixTimestamp64Nano(1700006400000000000, 'UTC')
    AND (
        (service = 'receiver' AND outcome IN ['accepted', 'rejected', 'failed'])
        OR (service = 'writer' AND outcome IN ['arrived', 'rejected', 'stored', 'dead_lettered'])
    )
GROUP BY hour_ns, service, outcome, boot, principal, reason
