SELECT group_number, groupArray(step), groupArray(assumeNotNull(number_of_step)) AS values
FROM (
SELECT group_number, step, toFloat64(if(empty(numbers), NULL, arrayReduce('quantileExactInclusive(0.95)', numbers))) AS number_of_step
FROM (
SELECT toUInt64(0) AS group_number, intDiv(at, 300000000000) AS step,
    groupArrayIf(number, NOT isNaN(number)) AS numbers
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
            AND fingerprint IN (SELECT fingerprint FROM (SELECT fingerprint, any(toUInt64(0)) AS group_number
    FROM metric_series
    WHERE metric_name = 'it\'s a metric'
        AND day >= toDate(19675)
        AND day <= toDate(19675)
        AND metric_type = 'GAUGE'
        AND temporality = 'UNSPECIFIED'
        AND unit = 'By'
        AND labels['code'] = '200'
        AND labels['route'] != '/'
        AND match(labels['route'], '^(?s:/a\'.*)$')
        AND NOT match(if(JSONType(resource_attributes, 'host.name') = 'String', JSONExtractString(resource_attributes, 'host.name'), JSONExtractRaw(resource_attributes, 'host.name')), '^(?s:a|b)$')
    GROUP BY fingerprint))
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
