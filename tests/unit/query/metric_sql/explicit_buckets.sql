SELECT group_number, bounds, groupArray(window_step), groupArray(buckets)
FROM (
SELECT group_number, bounds, step + arrayJoin(range(1)) AS window_step, sumForEach(step_buckets) AS buckets
FROM (
SELECT group_number AS group_number, bounds, intDiv(at, 300000000000) AS step,
    sumForEach(bucket_growth) AS step_buckets
FROM (
    SELECT
        fingerprint, at, lowest, highest, bounds,
        multiIf(
            previous_at > 0 AND at - previous_at <= 3600000000000,
            if((started > previous_at AND started < at) OR (total < previous_total OR bounds != previous_bounds OR arrayExists((now, before) -> now < before, buckets, arrayResize(previous_buckets, length(buckets)))), 'zero', 'previous'),
            started > 0 AND started < at AND at - started <= 3600000000000, 'zero',
            'unknown'
        ) AS basis,
        multiIf(basis = 'zero', toInt64(total), basis = 'previous', toInt64(total) - toInt64(previous_total), 0) AS growth,
        multiIf(basis = 'zero', total_sum, basis = 'previous', total_sum - previous_total_sum, if(isNull(total_sum), NULL, 0)) AS sum_growth,
        multiIf(basis = 'zero', arrayMap(bucket -> toInt64(bucket), buckets), basis = 'previous', arrayMap((now, before) -> toInt64(now) - toInt64(before), buckets, arrayResize(previous_buckets, length(buckets))), arrayMap(bucket -> toInt64(0), buckets)) AS bucket_growth
    FROM (
        SELECT
            fingerprint,
            toUnixTimestamp64Nano(timestamp) AS at,
            toUnixTimestamp64Nano(start_timestamp) AS started,
            count AS total,
            sum AS total_sum,
            min AS lowest,
            max AS highest,
            explicit_bounds AS bounds,
            if(empty(bucket_counts), [count], bucket_counts) AS buckets,
            lagInFrame(at) OVER series AS previous_at,
            lagInFrame(total) OVER series AS previous_total,
            lagInFrame(total_sum) OVER series AS previous_total_sum,
            lagInFrame(bounds) OVER series AS previous_bounds,
            lagInFrame(buckets) OVER series AS previous_buckets
        FROM metric_histograms
        WHERE metric_name = 'it\'s a metric'
            AND timestamp >= fromUnixTimestamp64Nano(1699996440000000000, 'UTC')
            AND timestamp < fromUnixTimestamp64Nano(1700000340000000000, 'UTC')
            AND bitAnd(flags, 1) = 0
            AND true
        WINDOW series AS (
            PARTITION BY fingerprint ORDER BY timestamp, total
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
        AND metric_type = 'HISTOGRAM'
        AND temporality = 'CUMULATIVE'
        AND unit = 's'
    GROUP BY fingerprint
) AS series USING (fingerprint)
GROUP BY group_number, bounds, step
UNION ALL
SELECT group_number AS group_number, bounds, intDiv(at, 300000000000) AS step,
    sumForEach(bucket_growth) AS step_buckets
FROM (
    SELECT
        fingerprint,
        toUnixTimestamp64Nano(timestamp) AS at,
        toInt64(count) AS growth,
        sum AS sum_growth,
        min AS lowest,
        max AS highest,
        explicit_bounds AS bounds,
        arrayMap(bucket -> toInt64(bucket), bucket_counts) AS bucket_growth
    FROM metric_histograms_1h FINAL
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
        AND metric_type = 'HISTOGRAM'
        AND temporality = 'CUMULATIVE'
        AND unit = 's'
    GROUP BY fingerprint
) AS series USING (fingerprint)
GROUP BY group_number, bounds, step
UNION ALL
SELECT group_number AS group_number, bounds, intDiv(at, 300000000000) AS step,
    sumForEach(bucket_growth) AS step_buckets
FROM (
    SELECT
        fingerprint,
        toUnixTimestamp64Nano(timestamp) AS at,
        toInt64(count) AS growth,
        sum AS sum_growth,
        min AS lowest,
        max AS highest,
        explicit_bounds AS bounds,
        arrayMap(bucket -> toInt64(bucket), bucket_counts) AS bucket_growth
    FROM metric_histograms_1m FINAL
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
        AND metric_type = 'HISTOGRAM'
        AND temporality = 'CUMULATIVE'
        AND unit = 's'
    GROUP BY fingerprint
) AS series USING (fingerprint)
GROUP BY group_number, bounds, step
)
GROUP BY group_number, bounds, window_step
HAVING window_step >= 5666666 AND window_step <= 5666678
)
GROUP BY group_number, bounds
ORDER BY group_number, bounds
