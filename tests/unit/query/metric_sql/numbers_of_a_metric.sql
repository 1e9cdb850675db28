SELECT group_number, groupArray(step), groupArray(assumeNotNull(number_of_step)) AS values
FROM (
SELECT group_number, step, toFloat64(greatest) AS number_of_step
FROM (
SELECT toUInt64(0) AS group_number, intDiv(at, 300000000000) AS step,
    max(number) AS greatest
FROM (
    SELECT fingerprint, at, number
    FROM (
        SELECT
            fingerprint,
            toUnixTimestamp64Nano(timestamp) AS at,
            toUnixTimestamp64Nano(start_timestamp) AS started,
            value AS number,
            lagInFrame(at) OVER series AS previous_at
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
)
GROUP BY group_number, step
)
)
WHERE isNotNull(number_of_step)
GROUP BY group_number
