SELECT toUInt64(0) AS group_number, arrayMap(series -> nullIf(series, 0), countForEach(grid_Last)) AS values
FROM (
    SELECT
        fingerprint,
        timeSeriesLastToGrid(
            fromUnixTimestamp64Nano(1700000099999999999, 'UTC'),
            fromUnixTimestamp64Nano(1700003699999999999, 'UTC'), 300, 600
        )(timestamp, value) AS grid_Last
    FROM metric_samples
    WHERE metric_name = 'it\'s a metric'
        AND timestamp >= fromUnixTimestamp64Nano(1699999500000000000, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003700000000000, 'UTC')
        AND reinterpretAsUInt64(value) != 9218868437227405314
        AND fingerprint IN (SELECT fingerprint FROM (SELECT fingerprint, any(toUInt64(0)) AS group_number
    FROM metric_series
    WHERE metric_name = 'it\'s a metric'
        AND day >= toDate(19675)
        AND day <= toDate(19675)
        AND metric_type = 'GAUGE'
        AND temporality = 'UNSPECIFIED'
        AND unit = 'By'
    GROUP BY fingerprint))
    GROUP BY fingerprint
)
GROUP BY group_number
