-- Points of counters, up-down counters and gauges, one row each. Columns and their types are those of
-- rak_libs.model.metrics, in its order; the series of a fingerprint is in metric_series.
--
-- Two hours go first in the key: a dashboard of the last hour then reads the end of a day's part and
-- not all of it; within them the points of a series lie together. The primary key leaves the time out
-- (see spans). inserted_at is the engine's own clock: what came since then is found by its index.
-- A process reads all of its metrics at one moment and sends them in one message, so the same times
-- and batches come again with each of its series: blocks of 1 MiB and a window as long let ZSTD see
-- that.
-- _batch: see 0010_spans.
CREATE TABLE IF NOT EXISTS ${database}.metric_samples${local}${on_cluster}
(
    metric_name     LowCardinality(String) CODEC(ZSTD(1)),
    fingerprint     UInt64 CODEC(ZSTD(1)),
    timestamp       DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1, 21)) SETTINGS (min_compress_block_size = 1048576, max_compress_block_size = 2097152),
    start_timestamp DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    value           Float64 CODEC(Delta(8), ZSTD(1)),
    value_remainder Int64 CODEC(ZSTD(1)),
    value_type      Enum8('NONE' = 0, 'DOUBLE' = 1, 'INT' = 2) CODEC(ZSTD(1)),
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
COMMENT 'Points of counters and gauges, one row each';
