-- The account of the pipeline: what receivers and writers say became of the items. Columns and
-- their types are those of rak_libs.model.pipeline, in its order.
--
-- Rows with one key say the same thing again, or more of it: the one with the highest sequence
-- counts. So every INSERT may be repeated, and none may be deduplicated by the engine: without a
-- token it compares blocks, and forgets one that it noted when it was killed before the part had
-- its name. Read with FINAL.
CREATE TABLE IF NOT EXISTS ${database}.pipeline${local}${on_cluster}
(
    signal           LowCardinality(String) CODEC(ZSTD(1)),
    hour             DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    service          LowCardinality(String) CODEC(ZSTD(1)),
    outcome          LowCardinality(String) CODEC(ZSTD(1)),
    boot             String CODEC(ZSTD(1)),
    batch            UInt64 CODEC(ZSTD(1)),
    principal        LowCardinality(String) CODEC(ZSTD(1)),
    reason           LowCardinality(String) CODEC(ZSTD(1)),
    day              Date CODEC(ZSTD(1)),
    topic            LowCardinality(String) CODEC(ZSTD(1)),
    partition        UInt32 CODEC(ZSTD(1)),
    sequence         UInt64 CODEC(ZSTD(1)),
    items            UInt64 CODEC(T64, ZSTD(1)),
    messages         UInt64 CODEC(T64, ZSTD(1)),
    first_offset     UInt64 CODEC(Delta(8), ZSTD(1)),
    last_offset      UInt64 CODEC(Delta(8), ZSTD(1)),
    at               DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    freshness_ms     UInt64 CODEC(T64, ZSTD(1)),
    lag              UInt64 CODEC(T64, ZSTD(1)),
    written_until    DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    oldest_unwritten DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    started_at       DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    release          LowCardinality(String) CODEC(ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree(${replica_parameters}sequence)
PARTITION BY toDate(hour)
ORDER BY (signal, hour, service, outcome, boot, batch, principal, reason, day, topic, partition)
TTL toDateTime(hour) + toIntervalDay(${pipeline_retention_days})
SETTINGS
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 0,
    auto_statistics_types = ''
COMMENT 'What became of the items: the account of receivers and writers';
