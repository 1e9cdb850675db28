SELECT group_number, groupArray(step), groupArray(assumeNotNull(number_of_step)) AS values
FROM (
SELECT group_number, step, toFloat64(grown / 300.0) AS number_of_step
FROM (
SELECT toUInt64(0) AS group_number, intDiv(at, 300000000000) AS step,
    sum(growth) AS grown
FROM (
    SELECT
        fingerprint, at, lowest, highest,
        multiIf(
            previous_at > 0 AND at - previous_at <= 3600000000000,
            if((started > previous_at AND started < at) OR (total < previous_total OR zeros < previous_zeros OR threshold != previous_threshold OR arrayExists(change -> change < 0, arrayReduce('sumMap', [arrayMap(place -> bitShiftRight(toInt64(positive_offset) + toInt64(place) - 1, scale - least(scale, previous_scale)), arrayEnumerate(positive)), arrayMap(place -> bitShiftRight(toInt64(previous_positive_offset) + toInt64(place) - 1, previous_scale - least(scale, previous_scale)), arrayEnumerate(previous_positive))], [arrayMap(bucket -> toInt64(bucket), positive), arrayMap(bucket -> -toInt64(bucket), previous_positive)]).2) OR arrayExists(change -> change < 0, arrayReduce('sumMap', [arrayMap(place -> bitShiftRight(toInt64(negative_offset) + toInt64(place) - 1, scale - least(scale, previous_scale)), arrayEnumerate(negative)), arrayMap(place -> bitShiftRight(toInt64(previous_negative_offset) + toInt64(place) - 1, previous_scale - least(scale, previous_scale)), arrayEnumerate(previous_negative))], [arrayMap(bucket -> toInt64(bucket), negative), arrayMap(bucket -> -toInt64(bucket), previous_negative)]).2)), 'zero', 'previous'),
            started > 0 AND started < at AND at - started <= 3600000000000, 'zero',
            'unknown'
        ) AS basis,
        multiIf(basis = 'zero', toInt64(total), basis = 'previous', toInt64(total) - toInt64(previous_total), 0) AS growth,
        multiIf(basis = 'zero', total_sum, basis = 'previous', total_sum - previous_total_sum, if(isNull(total_sum), NULL, 0)) AS sum_growth
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
            AND timestamp >= fromUnixTimestamp64Nano(1699996200000000000, 'UTC')
            AND timestamp < fromUnixTimestamp64Nano(1700003640000000000, 'UTC')
            AND bitAnd(flags, 1) = 0
            AND true
        WINDOW series AS (
            PARTITION BY fingerprint ORDER BY timestamp, total
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
