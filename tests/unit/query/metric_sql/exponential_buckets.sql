SELECT group_number, groupArray(
    (window_step, step_scale, threshold, zeros, positive.1, positive.2, negative.1, negative.2))
FROM (
SELECT group_number, step + arrayJoin(range(1)) AS window_step, step_scale,
    max(step_threshold) AS threshold,
    sum(step_zeros) AS zeros,
    sumMap(step_positive.1, step_positive.2) AS positive,
    sumMap(step_negative.1, step_negative.2) AS negative
FROM (
SELECT toUInt64(0) AS group_number, intDiv(at, 300000000000) AS step, gain.2 AS step_scale,
    max(threshold) AS step_threshold,
    sum(gain.3) AS step_zeros,
    sumMap(gain.4, gain.5) AS step_positive,
    sumMap(gain.6, gain.7) AS step_negative
FROM (
    SELECT
        fingerprint, at, lowest, highest, threshold,
        multiIf(
            previous_at > 0 AND at - previous_at <= 3600000000000,
            if((started > previous_at AND started < at) OR (total < previous_total OR zeros < previous_zeros OR threshold != previous_threshold OR arrayExists(change -> change < 0, arrayReduce('sumMap', [arrayMap(place -> bitShiftRight(toInt64(positive_offset) + toInt64(place) - 1, scale - least(scale, previous_scale)), arrayEnumerate(positive)), arrayMap(place -> bitShiftRight(toInt64(previous_positive_offset) + toInt64(place) - 1, previous_scale - least(scale, previous_scale)), arrayEnumerate(previous_positive))], [arrayMap(bucket -> toInt64(bucket), positive), arrayMap(bucket -> -toInt64(bucket), previous_positive)]).2) OR arrayExists(change -> change < 0, arrayReduce('sumMap', [arrayMap(place -> bitShiftRight(toInt64(negative_offset) + toInt64(place) - 1, scale - least(scale, previous_scale)), arrayEnumerate(negative)), arrayMap(place -> bitShiftRight(toInt64(previous_negative_offset) + toInt64(place) - 1, previous_scale - least(scale, previous_scale)), arrayEnumerate(previous_negative))], [arrayMap(bucket -> toInt64(bucket), negative), arrayMap(bucket -> -toInt64(bucket), previous_negative)]).2)), 'zero', 'previous'),
            started > 0 AND started < at AND at - started <= 3600000000000, 'zero',
            'unknown'
        ) AS basis,
        multiIf(basis = 'zero', toInt64(total), basis = 'previous', toInt64(total) - toInt64(previous_total), 0) AS growth,
        multiIf(basis = 'zero', total_sum, basis = 'previous', total_sum - previous_total_sum, if(isNull(total_sum), NULL, 0)) AS sum_growth,
        multiIf(basis = 'zero', [(toInt64(1), scale, toInt64(1) * toInt64(zeros), arrayMap(place -> toInt64(positive_offset) + toInt64(place) - 1, arrayEnumerate(positive)), arrayMap(bucket -> toInt64(1) * toInt64(bucket), positive), arrayMap(place -> toInt64(negative_offset) + toInt64(place) - 1, arrayEnumerate(negative)), arrayMap(bucket -> toInt64(1) * toInt64(bucket), negative))], basis = 'previous', [(toInt64(1), scale, toInt64(1) * toInt64(zeros), arrayMap(place -> toInt64(positive_offset) + toInt64(place) - 1, arrayEnumerate(positive)), arrayMap(bucket -> toInt64(1) * toInt64(bucket), positive), arrayMap(place -> toInt64(negative_offset) + toInt64(place) - 1, arrayEnumerate(negative)), arrayMap(bucket -> toInt64(1) * toInt64(bucket), negative)), (toInt64(-1), previous_scale, toInt64(-1) * toInt64(previous_zeros), arrayMap(place -> toInt64(previous_positive_offset) + toInt64(place) - 1, arrayEnumerate(previous_positive)), arrayMap(bucket -> toInt64(-1) * toInt64(bucket), previous_positive), arrayMap(place -> toInt64(previous_negative_offset) + toInt64(place) - 1, arrayEnumerate(previous_negative)), arrayMap(bucket -> toInt64(-1) * toInt64(bucket), previous_negative))], [(toInt64(0), scale, toInt64(0), CAST([], 'Array(Int64)'), CAST([], 'Array(Int64)'), CAST([], 'Array(Int64)'), CAST([], 'Array(Int64)'))]) AS gains
    FROM (
        SELECT
            fingerprint,
            toUnixTimestamp64Nano(timestamp) AS at,
            toUnixTimestamp64Nano(start_timestamp) AS started,
            count AS total,
            sum AS total_sum,
            min AS lowest,
            max AS highest,
            scale AS scale,
            zero_count AS zeros,
            if(isNaN(zero_threshold), 0, zero_threshold) AS threshold,
            positive_offset AS positive_offset,
            positive_counts AS positive,
            negative_offset AS negative_offset,
            negative_counts AS negative,
            lagInFrame(at) OVER series AS previous_at,
            lagInFrame(total) OVER series AS previous_total,
            lagInFrame(total_sum) OVER series AS previous_total_sum,
            lagInFrame(scale) OVER series AS previous_scale,
            lagInFrame(zeros) OVER series AS previous_zeros,
            lagInFrame(threshold) OVER series AS previous_threshold,
            lagInFrame(positive_offset) OVER series AS previous_positive_offset,
            lagInFrame(positive) OVER series AS previous_positive,
            lagInFrame(negative_offset) OVER series AS previous_negative_offset,
            lagInFrame(negative) OVER series AS previous_negative
        FROM metric_exponential_histograms
        WHERE metric_name = 'it\'s a metric'
            AND timestamp >= fromUnixTimestamp64Nano(1699996440000000000, 'UTC')
            AND timestamp < fromUnixTimestamp64Nano(1700000340000000000, 'UTC')
            AND bitAnd(flags, 1) = 0
            AND fingerprint IN (SELECT fingerprint FROM (SELECT fingerprint, any(toUInt64(0)) AS group_number
    FROM metric_series
    WHERE metric_name = 'it\'s a metric'
        AND day >= toDate(19675)
        AND day <= toDate(19675)
        AND metric_type = 'EXPONENTIAL_HISTOGRAM'
        AND temporality = 'CUMULATIVE'
        AND unit = 's'
    GROUP BY fingerprint))
        WINDOW series AS (
            PARTITION BY fingerprint ORDER BY timestamp, total
            ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
        )
    )
    WHERE at >= 1700000040000000000
)
ARRAY JOIN gains AS gain
GROUP BY group_number, step, step_scale
UNION ALL
SELECT toUInt64(0) AS group_number, intDiv(at, 300000000000) AS step, gain.2 AS step_scale,
    max(threshold) AS step_threshold,
    sum(gain.3) AS step_zeros,
    sumMap(gain.4, gain.5) AS step_positive,
    sumMap(gain.6, gain.7) AS step_negative
FROM (
    SELECT
        fingerprint,
        toUnixTimestamp64Nano(timestamp) AS at,
        toInt64(count) AS growth,
        sum AS sum_growth,
        min AS lowest,
        max AS highest,
        zero_threshold AS threshold,
        [(toInt64(1), scale, toInt64(zero_count),
            arrayMap(index -> toInt64(index), positive_indexes),
            arrayMap(bucket -> toInt64(bucket), positive_counts),
            arrayMap(index -> toInt64(index), negative_indexes),
            arrayMap(bucket -> toInt64(bucket), negative_counts))] AS gains
    FROM metric_exponential_histograms_1h FINAL
    WHERE metric_name = 'it\'s a metric'
        AND timestamp >= fromUnixTimestamp64Nano(1700000340000000000, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700000640000000000, 'UTC')
        AND fingerprint IN (SELECT fingerprint FROM (SELECT fingerprint, any(toUInt64(0)) AS group_number
    FROM metric_series
    WHERE metric_name = 'it\'s a metric'
        AND day >= toDate(19675)
        AND day <= toDate(19675)
        AND metric_type = 'EXPONENTIAL_HISTOGRAM'
        AND temporality = 'CUMULATIVE'
        AND unit = 's'
    GROUP BY fingerprint))
)
ARRAY JOIN gains AS gain
GROUP BY group_number, step, step_scale
UNION ALL
SELECT toUInt64(0) AS group_number, intDiv(at, 300000000000) AS step, gain.2 AS step_scale,
    max(threshold) AS step_threshold,
    sum(gain.3) AS step_zeros,
    sumMap(gain.4, gain.5) AS step_positive,
    sumMap(gain.6, gain.7) AS step_negative
FROM (
    SELECT
        fingerprint,
        toUnixTimestamp64Nano(timestamp) AS at,
        toInt64(count) AS growth,
        sum AS sum_growth,
        min AS lowest,
        max AS highest,
        zero_threshold AS threshold,
        [(toInt64(1), scale, toInt64(zero_count),
            arrayMap(index -> toInt64(index), positive_indexes),
            arrayMap(bucket -> toInt64(bucket), positive_counts),
            arrayMap(index -> toInt64(index), negative_indexes),
            arrayMap(bucket -> toInt64(bucket), negative_counts))] AS gains
    FROM metric_exponential_histograms_1m FINAL
    WHERE metric_name = 'it\'s a metric'
        AND timestamp >= fromUnixTimestamp64Nano(1700000640000000000, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003640000000000, 'UTC')
        AND fingerprint IN (SELECT fingerprint FROM (SELECT fingerprint, any(toUInt64(0)) AS group_number
    FROM metric_series
    WHERE metric_name = 'it\'s a metric'
        AND day >= toDate(19675)
        AND day <= toDate(19675)
        AND metric_type = 'EXPONENTIAL_HISTOGRAM'
        AND temporality = 'CUMULATIVE'
        AND unit = 's'
    GROUP BY fingerprint))
)
ARRAY JOIN gains AS gain
GROUP BY group_number, step, step_scale
)
GROUP BY group_number, window_step, step_scale
HAVING window_step >= 5666666 AND window_step <= 5666678
)
GROUP BY group_number
