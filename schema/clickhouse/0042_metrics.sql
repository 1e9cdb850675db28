-- Data points of every kind with what describes their series, under the columns that one wide table
-- of metrics would have: for queries by hand. Programs read the tables themselves.
--
-- A series is looked up by the name of its metric too, so that a condition on metric_name leaves out
-- all other series. Points without a value are left out: one of them would make an average NaN. On a
-- cluster every node joins its own rows, since points lie on the shard of their series.
CREATE VIEW IF NOT EXISTS ${database}.metrics${local}${on_cluster}
(
    metric_name           LowCardinality(String),
    metric_type           Enum8('COUNTER' = 1, 'GAUGE' = 2, 'HISTOGRAM' = 3, 'SUMMARY' = 4, 'EXPONENTIAL_HISTOGRAM' = 5, 'UP_DOWN_COUNTER' = 6),
    timestamp             DateTime64(9, 'UTC'),
    value                 Float64,
    count                 UInt64,
    sum                   Float64,
    min                   Float64,
    max                   Float64,
    `buckets.upper_bound` Array(Float64),
    `buckets.count`       Array(UInt64),
    service_name          LowCardinality(String),
    agent_name            LowCardinality(String),
    user_id               String,
    session_id            String,
    labels                Map(LowCardinality(String), String),
    ingested_at           DateTime64(3, 'UTC')
)
AS SELECT
    metric_name, metric_type, timestamp, value, count, sum, min, max,
    `buckets.upper_bound`, `buckets.count`,
    service_name, agent_name, user_id, session_id, labels, ingested_at
FROM
(
    SELECT
        metric_name, fingerprint, timestamp, value,
        toUInt64(0) AS count, toFloat64(0) AS sum, toFloat64(0) AS min, toFloat64(0) AS max,
        CAST([], 'Array(Float64)') AS `buckets.upper_bound`,
        CAST([], 'Array(UInt64)') AS `buckets.count`,
        ingested_at
    FROM ${database}.metric_samples${local}
    WHERE value_type != 'NONE'
    UNION ALL
    SELECT
        metric_name, fingerprint, timestamp, toFloat64(0),
        count, ifNull(sum, 0), ifNull(min, 0), ifNull(max, 0),
        if(empty(bucket_counts), [], arrayPushBack(explicit_bounds, inf)),
        bucket_counts,
        ingested_at
    FROM ${database}.metric_histograms${local}
    WHERE bitAnd(flags, 1) = 0
    UNION ALL
    -- Bounds of bucket i: 2^(2^-scale) to the power of offset + i, and of one more. The buckets of
    -- negative values go first, the farthest from zero first; then that of zero.
    SELECT
        metric_name, fingerprint, timestamp, toFloat64(0),
        count, ifNull(sum, 0), ifNull(min, 0), ifNull(max, 0),
        arrayConcat(
            arrayReverse(arrayMap(
                i -> -exp2((negative_offset + toInt64(i) - 1) * exp2(-scale)),
                arrayEnumerate(negative_counts))),
            [zero_threshold],
            arrayMap(
                i -> exp2((positive_offset + toInt64(i)) * exp2(-scale)),
                arrayEnumerate(positive_counts))),
        arrayConcat(arrayReverse(negative_counts), [zero_count], positive_counts),
        ingested_at
    FROM ${database}.metric_exponential_histograms${local}
    WHERE bitAnd(flags, 1) = 0
    UNION ALL
    SELECT
        metric_name, fingerprint, timestamp, toFloat64(0),
        count, sum, toFloat64(0), toFloat64(0), [], [],
        ingested_at
    FROM ${database}.metric_summaries${local}
    WHERE bitAnd(flags, 1) = 0
) AS points
ANY LEFT JOIN
(
    SELECT
        metric_name, fingerprint, metric_type, service_name, agent_name, user_id, session_id, labels
    FROM ${database}.metric_series${local}
) AS series
USING (metric_name, fingerprint)
COMMENT 'Data points with what describes their series';
