-- Histograms by the minute: one row a series, window and list of bounds, as buckets of different
-- bounds cannot be added. Columns and their types are those of rak_libs.model.metric_rollups, in its
-- order; the rest is as in metric_samples_1m.
CREATE TABLE IF NOT EXISTS ${database}.metric_histograms_1m${local}${on_cluster}
(
    metric_name       LowCardinality(String) CODEC(ZSTD(1)),
    fingerprint       UInt64 CODEC(ZSTD(1)),
    timestamp         DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    points            UInt32 CODEC(T64, ZSTD(1)),
    count             UInt64 CODEC(T64, ZSTD(1)),
    sum               Nullable(Float64) CODEC(Delta(8), ZSTD(1)),
    min               Nullable(Float64) CODEC(Delta(8), ZSTD(1)),
    max               Nullable(Float64) CODEC(Delta(8), ZSTD(1)),
    explicit_bounds   Array(Float64) CODEC(ZSTD(1)),
    bucket_counts     Array(UInt64) CODEC(T64, ZSTD(1)),
    resets            UInt32 CODEC(T64, ZSTD(1)),
    seen_until        DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree(${replica_parameters}seen_until)
PARTITION BY toDate(timestamp)
PRIMARY KEY (metric_name, fingerprint, timestamp)
ORDER BY (metric_name, fingerprint, timestamp, explicit_bounds)
TTL toDateTime(timestamp) + toIntervalDay(${metric_rollups_retention_days})
SETTINGS
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 0,
    auto_statistics_types = ''
COMMENT 'Points of histograms by the minute';
