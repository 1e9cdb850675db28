-- Profiles of every kind, one row each. Columns and their types are those of
-- rak_libs.model.profiles, in its order.
--
-- Rows are large, so a granule is some hundred of them, and profiles of one kind lie together within
-- five minutes of a service. A sample's stack is a hash; profile_stacks has its frames.
CREATE TABLE IF NOT EXISTS ${database}.cpu_profiles${local}${on_cluster}
(
    profile_id             String CODEC(ZSTD(1)),
    timestamp              DateTime64(9, 'UTC') CODEC(Delta(8), T64, ZSTD(1)),
    time_is_received       Bool CODEC(ZSTD(1)),
    duration_seconds       UInt32 CODEC(ZSTD(1)),
    duration_ns            UInt64 CODEC(ZSTD(1)),
    service_name           LowCardinality(String) CODEC(ZSTD(1)),
    invocation_id          String CODEC(ZSTD(1)),
    session_id             String CODEC(ZSTD(1)),
    trace_id               FixedString(32) CODEC(ZSTD(1)),
    span_id                FixedString(16) CODEC(ZSTD(1)),
    agent_name             LowCardinality(String) CODEC(ZSTD(1)),
    labels                 Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    profile_type           Enum8('CPU' = 1, 'HEAP' = 2, 'GOROUTINE' = 3, 'BLOCK' = 4, 'MUTEX' = 5, 'ALLOCS' = 6) CODEC(ZSTD(1)),
    sample_type            LowCardinality(String) CODEC(ZSTD(1)),
    sample_types           Array(LowCardinality(String)) CODEC(ZSTD(1)),
    totals                 Array(Int64) CODEC(ZSTD(1)),
    period_type            LowCardinality(String) CODEC(ZSTD(1)),
    period                 Int64 CODEC(ZSTD(1)),
    `samples.stack`        Array(UInt64) CODEC(ZSTD(1)),
    `samples.values`       Array(Array(Int64)) CODEC(ZSTD(1)),
    `samples.label_texts`  Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `samples.trace_id`     Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `samples.span_id`      Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `samples.span_name`    Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `functions.id`         Array(UInt64) CODEC(ZSTD(1)),
    `functions.name`       Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `functions.filename`   Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `functions.start_line` Array(Int64) CODEC(ZSTD(1)),
    raw_pprof              String CODEC(ZSTD(1)),
    ingested_at            DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    _batch                 UInt64 CODEC(ZSTD(1)),

    -- When the engine took the row, by its own clock: what a walk through pages has begun to see is
    -- told from what came after it.
    inserted_at DateTime64(3, 'UTC') MATERIALIZED now64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),

    -- Labels of each sample by key: the first text or, of a number, the number.
    `samples.labels` Array(Map(String, String)) ALIAS arrayMap(
        text -> mapFromArrays(
            JSONExtractKeys(text),
            arrayMap(
                pair -> if(JSONType(pair.2, 1) = 'Object',
                    JSONExtractRaw(pair.2, 1, 'number'), JSONExtractString(pair.2, 1)),
                JSONExtractKeysAndValuesRaw(text))),
        `samples.label_texts`),

    INDEX idx_profile_id    profile_id         TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_trace_id      trace_id           TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_sample_traces `samples.trace_id` TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_span_id       span_id            TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_sample_spans  `samples.span_id`  TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_invocation_id invocation_id      TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_session_id    session_id         TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_agent_name    agent_name         TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_timestamp     timestamp          TYPE minmax GRANULARITY 1,
    INDEX idx_ingested_at   ingested_at        TYPE minmax GRANULARITY 1,
    INDEX idx_inserted_at   inserted_at        TYPE minmax GRANULARITY 1,
    INDEX idx_batch         _batch             TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ${replicated}MergeTree${replica}
PARTITION BY toDate(timestamp)
PRIMARY KEY (service_name, toStartOfFiveMinutes(timestamp), profile_type)
ORDER BY (service_name, toStartOfFiveMinutes(timestamp), profile_type, timestamp)
TTL toDateTime(timestamp) + toIntervalDay(${profiles_retention_days})
SETTINGS
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800,
    auto_statistics_types = ''
COMMENT 'Profiles as received in pprof, one row each, of every kind';
