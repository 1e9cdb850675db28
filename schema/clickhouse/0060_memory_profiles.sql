-- What heap profiles say of memory, one row each beside their row of cpu_profiles. Columns and their
-- types are those of rak_libs.model.profiles, in its order.
CREATE TABLE IF NOT EXISTS ${database}.memory_profiles${local}${on_cluster}
(
    profile_id                  String CODEC(ZSTD(1)),
    timestamp                   DateTime64(9, 'UTC') CODEC(Delta(8), T64, ZSTD(1)),
    service_name                LowCardinality(String) CODEC(ZSTD(1)),
    invocation_id               String CODEC(ZSTD(1)),
    session_id                  String CODEC(ZSTD(1)),
    trace_id                    FixedString(32) CODEC(ZSTD(1)),
    span_id                     FixedString(16) CODEC(ZSTD(1)),
    agent_name                  LowCardinality(String) CODEC(ZSTD(1)),
    labels                      Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    total_allocated             UInt64 CODEC(ZSTD(1)),
    allocation_count            UInt64 CODEC(ZSTD(1)),
    current_usage               UInt64 CODEC(ZSTD(1)),
    current_count               UInt64 CODEC(ZSTD(1)),
    peak_usage                  UInt64 CODEC(ZSTD(1)),
    rss_bytes                   UInt64 CODEC(ZSTD(1)),
    virtual_bytes               UInt64 CODEC(ZSTD(1)),
    `allocations.location`      Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `allocations.filename`      Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `allocations.line`          Array(Int64) CODEC(ZSTD(1)),
    `allocations.size`          Array(UInt64) CODEC(ZSTD(1)),
    `allocations.count`         Array(UInt64) CODEC(ZSTD(1)),
    `allocations.current_size`  Array(UInt64) CODEC(ZSTD(1)),
    `allocations.current_count` Array(UInt64) CODEC(ZSTD(1)),
    ingested_at                 DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    _batch                      UInt64 CODEC(ZSTD(1)),

    -- As in cpu_profiles.
    inserted_at DateTime64(3, 'UTC') MATERIALIZED now64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),

    INDEX idx_profile_id    profile_id    TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_trace_id      trace_id      TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_invocation_id invocation_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_session_id    session_id    TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_agent_name    agent_name    TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_ingested_at   ingested_at   TYPE minmax GRANULARITY 1,
    INDEX idx_inserted_at   inserted_at   TYPE minmax GRANULARITY 1,
    INDEX idx_batch         _batch        TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ${replicated}MergeTree${replica}
PARTITION BY toDate(timestamp)
PRIMARY KEY (service_name, toStartOfFiveMinutes(timestamp))
ORDER BY (service_name, toStartOfFiveMinutes(timestamp), timestamp)
TTL toDateTime(timestamp) + toIntervalDay(${profiles_retention_days})
SETTINGS
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800,
    auto_statistics_types = ''
COMMENT 'What heap profiles say of memory, one row each';
