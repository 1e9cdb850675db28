SELECT group_number, groupArray(step), groupArray(assumeNotNull(number_of_step)) AS values
FROM (
SELECT group_number, step, toFloat64(grown / 300.0) AS number_of_step
FROM (
SELECT toUInt64(0) AS group_number, intDiv(at, 300000000000) AS step,
    sum(growth) AS grown
FROM (
    SELECT
        fingerprint, at, number,
        multiIf(
            previous_at > 0 AND at - previous_at <= 3600000000000,
            if((started > previous_at AND started < at) OR (number < previous_number OR (number = previous_number AND remainder < previous_remainder)), 'zero', 'previous'),
            started > 0 AND started < at AND at - started <= 3600000000000, 'zero',
            'unknown'
        ) AS basis,
        multiIf(basis = 'zero', number + remainder, basis = 'previous', (number - previous_number) + (remainder - previous_remainder), 0) AS growth
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
            AND timestamp >= fromUnixTimestamp64Nano(1699996200000000000, 'UTC')
            AND timestamp < fromUnixTimestamp64Nano(1700003640000000000, 'UTC')
            AND reinterpretAsUInt64(value) != 9218868437227405314
            AND true
        WINDOW series AS (
            PARTITION BY fingerprint ORDER BY timestamp, number
            ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
        )
    )
    WHERE at >= 1699999800000000000
)
GROUP BY group_number, step
)
)
WHERE isNotNull(number_of_step)
GROUP BY group_number
