SELECT
    toUnixTimestamp64Nano(hour) AS hour_ns,
    quantileExactWeighted(0.5)(freshness_ms, items),
    max(freshness_ms)
FROM pipeline FINAL
WHERE signal = 'spans'
    AND hour >= fromUnixTimestamp64Nano(1699999200000000000, 'UTC')
    AND hour <= fromUnixTimestamp64Nano(1700006400000000000, 'UTC')
    AND service = 'writer'
    AND outcome = 'arrived'
    AND items > 0
GROUP BY hour_ns
