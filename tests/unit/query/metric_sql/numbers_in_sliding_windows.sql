SELECT group_number, groupArray(step), groupArray(assumeNotNull(number_of_step)) AS values
FROM (
SELECT group_number, step, toFloat64(total / points) AS number_of_step
FROM (
SELECT group_number, window_step AS step,
    sum(step_total) AS total,
    sum(step_points) AS points
FROM (
SELECT *, step + arrayJoin(range(3)) AS window_step
FROM (
SELECT group_number AS group_number, intDiv(at, 300000000000) AS step,
    sum(number) AS step_total,
    count() AS step_points
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
            AND timestamp >= fromUnixTimestamp64Nano(1699999200000000000, 'UTC')
            AND timestamp < fromUnixTimestamp64Nano(1700003640000000000, 'UTC')
            AND reinterpretAsUInt64(value) != 9218868437227405314
            AND true
        WINDOW series AS (
            PARTITION BY fingerprint ORDER BY timestamp, number DESC
            ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
        )
    )
    WHERE at >= 1699999200000000000 AND at != previous_at
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
GROUP BY group_number, step
)
)
WHERE window_step >= 5666666 AND window_step <= 5666678
GROUP BY group_number, window_step
)
)
WHERE isNotNull(number_of_step)
GROUP BY group_number
