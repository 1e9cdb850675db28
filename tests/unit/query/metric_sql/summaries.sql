SELECT group_number, groupArray(step), groupArray(assumeNotNull(number_of_step)) AS values
FROM (
SELECT group_number, step, toFloat64(if(missing > 0, NULL, grown_sum)) AS number_of_step
FROM (
SELECT toUInt64(0) AS group_number, intDiv(at, 300000000000) AS step,
    sum(sum_growth) AS grown_sum,
    countIf(isNull(sum_growth)) AS missing
FROM (
    SELECT
        fingerprint, at, total,
        multiIf(
            previous_at > 0 AND at - previous_at <= 3600000000000,
            if((started > previous_at AND started < at) OR (total < previous_total), 'zero', 'previous'),
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
            toNullable(sum) AS total_sum,
            lagInFrame(at) OVER series AS previous_at,
            lagInFrame(total) OVER series AS previous_total,
            lagInFrame(total_sum) OVER series AS previous_total_sum
        FROM metric_summaries
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
