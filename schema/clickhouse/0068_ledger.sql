-- The ledger: one row for each span that is an operation, has tokens or was called by another service.
-- Columns, their types and the rules behind them are those of rak_libs.model.ledger, in its order.
--
-- rak-derive computes a trace whole and writes what has changed: of rows with one key the one that saw
-- most stays (seen_until), so every INSERT may be repeated and none may be deduplicated by the engine.
-- Read with FINAL.
CREATE TABLE IF NOT EXISTS ${database}.ledger${local}${on_cluster}
(
    slot                     DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    trace_id                 FixedString(32) CODEC(ZSTD(1)),
    span_id                  FixedString(16) CODEC(ZSTD(1)),
    parent_span_id           FixedString(16) CODEC(ZSTD(1)),
    timestamp                DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    duration_ns              UInt64 CODEC(T64, ZSTD(1)),
    service_name             LowCardinality(String) CODEC(ZSTD(1)),
    caller_service           LowCardinality(String) CODEC(ZSTD(1)),
    span_name                LowCardinality(String) CODEC(ZSTD(1)),
    span_kind                Enum8('UNSPECIFIED' = 0, 'INTERNAL' = 1, 'SERVER' = 2, 'CLIENT' = 3, 'PRODUCER' = 4, 'CONSUMER' = 5) CODEC(ZSTD(1)),
    status_code              Enum8('UNSET' = 0, 'OK' = 1, 'ERROR' = 2) CODEC(ZSTD(1)),
    operation                LowCardinality(String) CODEC(ZSTD(1)),
    counted                  UInt8 CODEC(ZSTD(1)),
    retry                    UInt8 CODEC(ZSTD(1)),
    invocation_id            String CODEC(ZSTD(1)),
    session_id               String CODEC(ZSTD(1)),
    user_id                  String CODEC(ZSTD(1)),
    conversation_id          String CODEC(ZSTD(1)),
    agent_name               LowCardinality(String) CODEC(ZSTD(1)),
    llm_model                LowCardinality(String) CODEC(ZSTD(1)),
    llm_request_model        LowCardinality(String) CODEC(ZSTD(1)),
    llm_system               LowCardinality(String) CODEC(ZSTD(1)),
    tool_name                LowCardinality(String) CODEC(ZSTD(1)),
    finish_reason            LowCardinality(String) CODEC(ZSTD(1)),
    time_to_first_token_ns   UInt64 CODEC(T64, ZSTD(1)),
    resource_cpu_micros      UInt64 CODEC(T64, ZSTD(1)),
    resource_memory_bytes    UInt64 CODEC(T64, ZSTD(1)),
    resource_memory_peak     UInt64 CODEC(T64, ZSTD(1)),
    input_tokens             UInt64 CODEC(T64, ZSTD(1)),
    output_tokens            UInt64 CODEC(T64, ZSTD(1)),
    cache_read_tokens        UInt64 CODEC(T64, ZSTD(1)),
    cache_write_tokens       UInt64 CODEC(T64, ZSTD(1)),
    reasoning_tokens         UInt64 CODEC(T64, ZSTD(1)),
    unsplit_tokens           UInt64 CODEC(T64, ZSTD(1)),
    cost                     Decimal(38, 12) CODEC(ZSTD(1)),
    unpriced_tokens          UInt64 CODEC(T64, ZSTD(1)),
    total_input_tokens       UInt64 CODEC(T64, ZSTD(1)),
    total_output_tokens      UInt64 CODEC(T64, ZSTD(1)),
    total_cache_read_tokens  UInt64 CODEC(T64, ZSTD(1)),
    total_cache_write_tokens UInt64 CODEC(T64, ZSTD(1)),
    total_reasoning_tokens   UInt64 CODEC(T64, ZSTD(1)),
    total_unsplit_tokens     UInt64 CODEC(T64, ZSTD(1)),
    total_cost               Decimal(38, 12) CODEC(ZSTD(1)),
    total_unpriced_tokens    UInt64 CODEC(T64, ZSTD(1)),
    rules_version            UInt32 CODEC(T64, ZSTD(1)),
    seen_until               DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    is_deleted               UInt8 CODEC(ZSTD(1)),

    INDEX idx_trace_id      trace_id      TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_session_id    session_id    TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_user_id       user_id       TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_invocation_id invocation_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_seen_until    seen_until    TYPE minmax GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(${replica_parameters}seen_until, is_deleted)
PARTITION BY toDate(timestamp)
ORDER BY (slot, trace_id, span_id)
TTL toDateTime(timestamp) + toIntervalDay(${spans_retention_days})
SETTINGS
    ttl_only_drop_parts = 1,
    -- A day that is over becomes one part, of which FINAL has nothing to merge.
    min_age_to_force_merge_seconds = 21600,
    min_age_to_force_merge_on_partition_only = 1,
    non_replicated_deduplication_window = 0,
    auto_statistics_types = ''
COMMENT 'What agents did and what it cost, one row each span of it';
