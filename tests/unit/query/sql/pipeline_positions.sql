SELECT
    signal,
    topic,
    partition,
    toUnixTimestamp64Milli(max(written_until)),
    argMax(lag, (at, sequence)),
    toUnixTimestamp64Milli(argMax(oldest_unwritten, (at, sequence))),
    toUnixTimestamp64Milli(max(at)),
    argMax(boot, (at, sequence))
FROM pipeline FINAL
WHERE service = 'writer'
    AND outcome = 'position'
    AND hour >= fromUnixTimestamp64Nano(1699999200000000000, 'UTC')
GROUP BY signal, topic, partition
ORDER BY signal, topic, partition
