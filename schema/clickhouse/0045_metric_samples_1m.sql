-- Points of counters, up-down counters and gauges by the minute: one row a series and window. Columns
-- and their types are those of rak_libs.model.metric_rollups, in its order.
--
-- rak-derive computes a window whole from its points and writes it again when a point comes late: of
-- rows with one key the one that saw most stays (seen_until). So every INSERT may be repeated, and
-- none may be deduplicated by the engine (see pipeline). Read with FINAL.
CREATE TABLE IF NOT EXISTS ${database}.metric_samples_1m${local}${on_cluster}
(
    metric_name       LowCardinality(String) CODEC(ZSTD(1)),
    fingerprint       UInt64 CODEC(ZSTD(1)),
    timestamp         DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    points            UInt32 CODEC(T64, ZSTD(1)),
    sum               Float64 CODEC(Delta(8), ZSTD(1)),
    min               Float64 CODEC(Delta(8), ZSTD(1)),
    max               Float64 CODEC(Delta(8), ZSTD(1)),
    last              Float64 CODEC(Delta(8), ZSTD(1)),
    last_remainder    Int64 CODEC(ZSTD(1)),
    last_value_type   Enum8('NONE' = 0, 'DOUBLE' = 1, 'INT' = 2) CODEC(ZSTD(1)),
    last_timestamp    DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    increase          Float64 CODEC(ZSTD(1)),
    resets            UInt32 CODEC(T64, ZSTD(1)),
    seen_until        DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree(${replica_parameters}seen_until)
PARTITION BY toDate(timestamp)
ORDER BY (metric_name, fingerprint, timestamp)
TTL toDateTime(timestamp) + toIntervalDay(${metric_rollups_retention_days})
SETTINGS
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 0,
    auto_statistics_types = ''
COMMENT 'Points of counters and gauges by the minute';
