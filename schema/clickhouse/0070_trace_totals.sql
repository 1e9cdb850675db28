-- Totals of traces, one row a trace, session and user (rak_libs.model.ledger); written as the ledger is.
-- Read with FINAL.
CREATE TABLE IF NOT EXISTS ${database}.trace_totals${local}${on_cluster}
(
    trace_id           FixedString(32) CODEC(ZSTD(1)),
    session_id         String CODEC(ZSTD(1)),
    user_id            String CODEC(ZSTD(1)),
    timestamp          DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    end_timestamp      DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    root_service       LowCardinality(String) CODEC(ZSTD(1)),
    root_name          LowCardinality(String) CODEC(ZSTD(1)),
    spans              UInt64 CODEC(T64, ZSTD(1)),
    errors             UInt64 CODEC(T64, ZSTD(1)),
    services           Array(LowCardinality(String)) CODEC(ZSTD(1)),
    agents             Array(LowCardinality(String)) CODEC(ZSTD(1)),
    models             Array(LowCardinality(String)) CODEC(ZSTD(1)),
    tools              Array(LowCardinality(String)) CODEC(ZSTD(1)),
    agent_runs         UInt64 CODEC(T64, ZSTD(1)),
    llm_calls          UInt64 CODEC(T64, ZSTD(1)),
    tool_calls         UInt64 CODEC(T64, ZSTD(1)),
    input_tokens       UInt64 CODEC(T64, ZSTD(1)),
    output_tokens      UInt64 CODEC(T64, ZSTD(1)),
    cache_read_tokens  UInt64 CODEC(T64, ZSTD(1)),
    cache_write_tokens UInt64 CODEC(T64, ZSTD(1)),
    reasoning_tokens   UInt64 CODEC(T64, ZSTD(1)),
    unsplit_tokens     UInt64 CODEC(T64, ZSTD(1)),
    cost               Decimal(38, 12) CODEC(ZSTD(1)),
    unpriced_tokens    UInt64 CODEC(T64, ZSTD(1)),
    rules_version      UInt32 CODEC(T64, ZSTD(1)),
    seen_until         DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    is_deleted         UInt8 CODEC(ZSTD(1)),

    INDEX idx_trace_id   trace_id   TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_session_id session_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_user_id    user_id    TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(${replica_parameters}seen_until, is_deleted)
PARTITION BY toDate(timestamp)
ORDER BY (toStartOfHour(timestamp), trace_id, session_id, user_id)
TTL toDateTime(timestamp) + toIntervalDay(${spans_retention_days})
SETTINGS
    ttl_only_drop_parts = 1,
    -- A day that is over becomes one part, of which FINAL has nothing to merge.
    min_age_to_force_merge_seconds = 21600,
    min_age_to_force_merge_on_partition_only = 1,
    non_replicated_deduplication_window = 0,
    auto_statistics_types = ''
COMMENT 'What the spans of a trace, session and user sum up to';
