-- Points of summaries, one row each. Columns and their types are those of
-- rak_libs.model.metrics, in its order; keys and indexes are those of metric_samples.
CREATE TABLE IF NOT EXISTS ${database}.metric_summaries${local}${on_cluster}
(
    metric_name     LowCardinality(String) CODEC(ZSTD(1)),
    fingerprint     UInt64 CODEC(ZSTD(1)),
    timestamp       DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1, 21)) SETTINGS (min_compress_block_size = 1048576, max_compress_block_size = 2097152),
    start_timestamp DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    count           UInt64 CODEC(T64, ZSTD(1)),
    sum             Float64 CODEC(Delta(8), ZSTD(1)),
    quantiles       Array(Float64) CODEC(ZSTD(1)),
    quantile_values Array(Float64) CODEC(ZSTD(3)),
    flags           UInt32 CODEC(ZSTD(1)),
    ingested_at     DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1, 21)) SETTINGS (min_compress_block_size = 1048576, max_compress_block_size = 2097152),
    _batch          UInt64 CODEC(ZSTD(1, 21)) SETTINGS (min_compress_block_size = 1048576, max_compress_block_size = 2097152),

    inserted_at DateTime64(3, 'UTC') MATERIALIZED now64(3) CODEC(Delta(8), ZSTD(1, 21)) SETTINGS (min_compress_block_size = 1048576, max_compress_block_size = 2097152),

    INDEX idx_batch       _batch      TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_ingested_at ingested_at TYPE minmax GRANULARITY 1,
    INDEX idx_inserted_at inserted_at TYPE minmax GRANULARITY 1
)
ENGINE = ${replicated}MergeTree${replica}
PARTITION BY toDate(timestamp)
PRIMARY KEY (toStartOfInterval(timestamp, INTERVAL 2 HOUR), metric_name, fingerprint)
ORDER BY (toStartOfInterval(timestamp, INTERVAL 2 HOUR), metric_name, fingerprint, timestamp)
TTL toDateTime(timestamp) + toIntervalDay(${metrics_retention_days})
SETTINGS
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800,
    auto_statistics_types = ''
COMMENT 'Points of summaries, one row each';
