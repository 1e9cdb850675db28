SELECT group_number, groupArray(step), groupArray(assumeNotNull(number_of_step)) AS values
FROM (
SELECT group_number, step, toFloat64(grown / 300.0) AS number_of_step
FROM (
SELECT group_number, window_step AS step,
    sum(step_grown) AS grown
FROM (
SELECT *, step + arrayJoin(range(1)) AS window_step
FROM (
SELECT group_number AS group_number, intDiv(at, 300000000000) AS step,
    sum(growth) AS step_grown
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
            AND timestamp >= fromUnixTimestamp64Nano(1699996440000000000, 'UTC')
            AND timestamp < fromUnixTimestamp64Nano(1700000340000000000, 'UTC')
            AND reinterpretAsUInt64(value) != 9218868437227405314
            AND true
        WINDOW series AS (
            PARTITION BY fingerprint ORDER BY timestamp, number
            ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
        )
    )
    WHERE at >= 1700000040000000000
) AS points
INNER JOIN (
    SELECT fingerprint, any(cityHash64([('code', toString(labels['code']))])) AS group_number
    FROM metric_series
    WHERE metric_name = 'it\'s a metric'
        AND day >= toDate(19675)
        AND day <= toDate(19675)
        AND metric_type = 'COUNTER'
        AND temporality = 'CUMULATIVE'
        AND unit = '1'
    GROUP BY fingerprint
) AS series USING (fingerprint)
GROUP BY group_number, step
UNION ALL
SELECT group_number AS group_number, intDiv(at, 300000000000) AS step,
    sum(rolled_increase) AS step_grown
FROM (
    SELECT
        fingerprint,
        toUnixTimestamp64Nano(timestamp) AS at,
        points AS rolled_points,
        sum AS rolled_sum,
        min AS rolled_min,
        max AS rolled_max,
        last AS rolled_last,
        toUnixTimestamp64Nano(last_timestamp) AS rolled_last_at,
        increase AS rolled_increase
    FROM metric_samples_1h FINAL
    WHERE metric_name = 'it\'s a metric'
        AND timestamp >= fromUnixTimestamp64Nano(1700000340000000000, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700000640000000000, 'UTC')
        AND true
) AS points
INNER JOIN (
    SELECT fingerprint, any(cityHash64([('code', toString(labels['code']))])) AS group_number
    FROM metric_series
    WHERE metric_name = 'it\'s a metric'
        AND day >= toDate(19675)
        AND day <= toDate(19675)
        AND metric_type = 'COUNTER'
        AND temporality = 'CUMULATIVE'
        AND unit = '1'
    GROUP BY fingerprint
) AS series USING (fingerprint)
GROUP BY group_number, step
UNION ALL
SELECT group_number AS group_number, intDiv(at, 300000000000) AS step,
    sum(rolled_increase) AS step_grown
FROM (
    SELECT
        fingerprint,
        toUnixTimestamp64Nano(timestamp) AS at,
        points AS rolled_points,
        sum AS rolled_sum,
        min AS rolled_min,
        max AS rolled_max,
        last AS rolled_last,
        toUnixTimestamp64Nano(last_timestamp) AS rolled_last_at,
        increase AS rolled_increase
    FROM metric_samples_1m FINAL
    WHERE metric_name = 'it\'s a metric'
        AND timestamp >= fromUnixTimestamp64Nano(1700000640000000000, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003640000000000, 'UTC')
        AND true
) AS points
INNER JOIN (
    SELECT fingerprint, any(cityHash64([('code', toString(labels['code']))])) AS group_number
    FROM metric_series
    WHERE metric_name = 'it\'s a metric'
        AND day >= toDate(19675)
        AND day <= toDate(19675)
        AND metric_type = 'COUNTER'
        AND temporality = 'CUMULATIVE'
        AND unit = '1'
    GROUP BY fingerprint
) AS series USING (fingerprint)
GROUP BY group_number, step
)
)
WHERE window_step >= 5666666 AND window_step <= 5666678
GROUP BY group_number, window_step
)
)
WHERE isNotNull(number_of_step)
GROUP BY group_number
