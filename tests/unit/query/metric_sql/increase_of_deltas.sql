SELECT group_number, groupArray(step), groupArray(assumeNotNull(number_of_step)) AS values
FROM (
SELECT group_number, step, toFloat64(grown) AS number_of_step
FROM (
SELECT group_number AS group_number, intDiv(at, 300000000000) AS step,
    sum(growth) AS grown
FROM (
    SELECT
        fingerprint, at, number,
        'zero' AS basis,
        number + remainder AS growth
    FROM (
        SELECT
            fingerprint,
            toUnixTimestamp64Nano(timestamp) AS at,
            toUnixTimestamp64Nano(start_timestamp) AS started,
            value AS number,
            value_remainder AS remainder,
            lagInFrame(at) OVER series AS previous_at,
            lagInFrame(number) OVER series AS previous_number,
            lagInFrame(remainder) OVER series AS previous_remainder
        FROM metric_samples
        WHERE metric_name = 'it\'s a metric'
            AND timestamp >= fromUnixTimestamp64Nano(1699999800000000000, 'UTC')
            AND timestamp < fromUnixTimestamp64Nano(1700003640000000000, 'UTC')
            AND reinterpretAsUInt64(value) != 9218868437227405314
            AND true
        WINDOW series AS (
            PARTITION BY fingerprint ORDER BY timestamp, number DESC
            ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
        )
    )
    WHERE at >= 1699999800000000000 AND at != previous_at
) AS points
INNER JOIN (
    SELECT fingerprint, any(cityHash64([('code', toString(labels['code']))])) AS group_number
    FROM metric_series
    WHERE metric_name = 'it\'s a metric'
        AND day >= toDate(19675)
        AND day <= toDate(19675)
        AND metric_type = 'COUNTER'
        AND temporality = 'DELTA'
        AND unit = '1'
    GROUP BY fingerprint
) AS series USING (fingerprint)
GROUP BY group_number, step
)
)
WHERE isNotNull(number_of_step)
GROUP BY group_number
