SELECT group_number AS group_number, arrayMap((total, points) -> total / points, sumForEach(grid_Sum), sumForEach(grid_Count)) AS values
FROM (
    SELECT
        fingerprint,
        timeSeriesSumToGrid(
            fromUnixTimestamp64Nano(1700000099999999999, 'UTC'),
            fromUnixTimestamp64Nano(1700003699999999999, 'UTC'), 300, 300
        )(timestamp, value) AS grid_Sum,
        timeSeriesCountToGrid(
            fromUnixTimestamp64Nano(1700000099999999999, 'UTC'),
            fromUnixTimestamp64Nano(1700003699999999999, 'UTC'), 300, 300
        )(timestamp, value) AS grid_Count
    FROM metric_samples
    WHERE metric_name = 'it\'s a metric'
        AND timestamp >= fromUnixTimestamp64Nano(1699999800000000000, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003700000000000, 'UTC')
        AND reinterpretAsUInt64(value) != 9218868437227405314
        AND true
    GROUP BY fingerprint
) AS points
INNER JOIN (
    SELECT fingerprint, any(cityHash64([('code', toString(labels['code']))])) AS group_number
    FROM metric_series
    WHERE metric_name = 'it\'s a metric'
        AND day >= toDate(19675)
        AND day <= toDate(19675)
        AND metric_type = 'GAUGE'
        AND temporality = 'UNSPECIFIED'
        AND unit = 'By'
    GROUP BY fingerprint
) AS series USING (fingerprint)
GROUP BY group_number
