SELECT group_number, groupArray(step), groupArray(assumeNotNull(number_of_step)) AS values
FROM (
SELECT group_number, step, toFloat64(latest) AS number_of_step
FROM (
SELECT group_number AS group_number, intDiv(at, 300000000000) AS step,
    argMax(number, at) AS latest,
    max(at) AS newest
FROM (
    SELECT fingerprint, at, number
    FROM (
        SELECT
            fingerprint,
            toUnixTimestamp64Nano(timestamp) AS at,
            toUnixTimestamp64Nano(start_timestamp) AS started,
            quantile_values[indexOf(quantiles, 0.999)] AS number,
            lagInFrame(at) OVER series AS previous_at
        FROM metric_summaries
        WHERE metric_name = 'it\'s a metric'
            AND timestamp >= fromUnixTimestamp64Nano(1699996200000000000, 'UTC')
            AND timestamp < fromUnixTimestamp64Nano(1700003640000000000, 'UTC')
            AND bitAnd(flags, 1) = 0 AND has(quantiles, 0.999)
            AND true
        WINDOW series AS (
            PARTITION BY fingerprint ORDER BY timestamp, number DESC
            ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
        )
    )
    WHERE at >= 1699999800000000000 AND at != previous_at
) AS points
INNER JOIN (
    SELECT fingerprint, any(cityHash64([('fingerprint', toString(lower(leftPad(hex(fingerprint), 16, '0'))))])) AS group_number
    FROM metric_series
    WHERE metric_name = 'it\'s a metric'
        AND day >= toDate(19675)
        AND day <= toDate(19675)
        AND metric_type = 'SUMMARY'
        AND temporality = 'UNSPECIFIED'
        AND unit = 's'
    GROUP BY fingerprint
) AS series USING (fingerprint)
GROUP BY group_number, step
)
)
WHERE isNotNull(number_of_step)
GROUP BY group_number
