SELECT
    hour_number,
    sumIf(claimed - found, day_number > 19600),
    sumIf(claimed - found, day_number <= 19600),
    sumIf(there - found, claimed > 0),
    sumIf(there, claimed = 0)
FROM (
    SELECT
        hour_number,
        sum(claimed_items) AS claimed,
        sum(rows_there) AS there,
        least(claimed, there) AS found,
        day_number
    FROM (
        SELECT
            toUnixTimestamp64Nano(hour) AS hour_number,
            batch AS batch_number,
            toUInt16(day) AS day_number,
            sum(items) AS claimed_items,
            0 AS rows_there
        FROM pipeline FINAL
        WHERE signal = 'spans'
            AND hour >= fromUnixTimestamp64Nano(1699999200000000000, 'UTC')
            AND hour <= fromUnixTimestamp64Nano(1700006400000000000, 'UTC')
            AND service = 'writer'
            AND outcome = 'stored'
        GROUP BY hour_number, batch_number, day_number
        UNION ALL
        SELECT
            intDiv(toUnixTimestamp64Milli(ingested_at), 3600000) * 3600000000000,
            _batch,
            toUInt16(toDate(timestamp)) AS day_there,
            0,
            count()
        FROM spans
        WHERE ingested_at >= fromUnixTimestamp64Milli(1699999200000, 'UTC')
            AND ingested_at < fromUnixTimestamp64Milli(1700010000000, 'UTC')
            AND _batch != 0
        GROUP BY 1, 2, 3
    )
    GROUP BY hour_number, batch_number, day_number
)
GROUP BY hour_number
