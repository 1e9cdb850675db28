SELECT group_number, groupArray(step), groupArray(assumeNotNull(number_of_step)) AS values
FROM (
SELECT group_number, step, across_series AS number_of_step
FROM (
SELECT group_number, step, toFloat64(sum(value)) AS across_series
FROM (
SELECT group_number, step, toFloat64(latest) AS value
FROM (
SELECT group_number, fingerprint, window_step AS step,
    argMax(step_latest, step_newest) AS latest,
    max(step_newest) AS newest
FROM (
SELECT *, step + arrayJoin(range(1)) AS window_step
FROM (
SELECT toUInt64(0) AS group_number, fingerprint, intDiv(at, 300000000000) AS step,
    argMax(number, at) AS step_latest,
    max(at) AS step_newest
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
            AND timestamp >= fromUnixTimestamp64Nano(1700000040000000000, 'UTC')
            AND timestamp < fromUnixTimestamp64Nano(1700000340000000000, 'UTC')
            AND reinterpretAsUInt64(value) != 9218868437227405314
            AND true
        WINDOW series AS (
            PARTITION BY fingerprint ORDER BY timestamp, number DESC
            ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
        )
    )
    WHERE at >= 1700000040000000000 AND at != previous_at
)
GROUP BY group_number, fingerprint, step
UNION ALL
SELECT toUInt64(0) AS group_number, fingerprint, intDiv(at, 300000000000) AS step,
    argMax(rolled_last, rolled_last_at) AS step_latest,
    max(rolled_last_at) AS step_newest
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
)
GROUP BY group_number, fingerprint, step
UNION ALL
SELECT toUInt64(0) AS group_number, fingerprint, intDiv(at, 300000000000) AS step,
    argMax(rolled_last, rolled_last_at) AS step_latest,
    max(rolled_last_at) AS step_newest
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
)
GROUP BY group_number, fingerprint, step
)
)
WHERE window_step >= 5666666 AND window_step <= 5666678
GROUP BY group_number, fingerprint, window_step
)
)
GROUP BY group_number, step
)
)
WHERE isNotNull(number_of_step)
GROUP BY group_number
