-- Spans, one row each. Columns and their types are those of rak_libs.model.spans, in its order.
--
-- The sorting key keeps the spans of a trace together within five minutes of a service, and the
-- primary key leaves the time out: with it, the engine would match a time range to the last key
-- column only and read every granule.
CREATE TABLE IF NOT EXISTS ${database}.spans${local}${on_cluster}
(
    trace_id                          FixedString(32) CODEC(ZSTD(1)),
    span_id                           FixedString(16) CODEC(ZSTD(1)),
    parent_span_id                    FixedString(16) CODEC(ZSTD(1)),
    trace_state                       LowCardinality(String) CODEC(ZSTD(1)),
    flags                             UInt32 CODEC(ZSTD(1)),
    timestamp                         DateTime64(9, 'UTC') CODEC(Delta(8), T64, ZSTD(1)),
    duration_ns                       UInt64 CODEC(T64, ZSTD(1)),
    service_name                      LowCardinality(String) CODEC(ZSTD(1)),
    span_name                         LowCardinality(String) CODEC(ZSTD(1)),
    span_kind                         Enum8('UNSPECIFIED' = 0, 'INTERNAL' = 1, 'SERVER' = 2, 'CLIENT' = 3, 'PRODUCER' = 4, 'CONSUMER' = 5) CODEC(ZSTD(1)),
    status_code                       Enum8('UNSET' = 0, 'OK' = 1, 'ERROR' = 2) CODEC(ZSTD(1)),
    status_message                    String CODEC(ZSTD(1)),
    operation                         LowCardinality(String) CODEC(ZSTD(1)),
    invocation_id                     String CODEC(ZSTD(1)),
    session_id                        String CODEC(ZSTD(1)),
    user_id                           String CODEC(ZSTD(1)),
    agent_name                        LowCardinality(String) CODEC(ZSTD(1)),
    agent_type                        LowCardinality(String) CODEC(ZSTD(1)),
    llm_model                         LowCardinality(String) CODEC(ZSTD(1)),
    llm_system                        LowCardinality(String) CODEC(ZSTD(1)),
    tool_name                         LowCardinality(String) CODEC(ZSTD(1)),
    tool_call_id                      String CODEC(ZSTD(1)),
    input_tokens                      UInt64 CODEC(T64, ZSTD(1)),
    output_tokens                     UInt64 CODEC(T64, ZSTD(1)),
    cache_read_tokens                 UInt64 CODEC(T64, ZSTD(1)),
    cache_write_tokens                UInt64 CODEC(T64, ZSTD(1)),
    reasoning_tokens                  UInt64 CODEC(T64, ZSTD(1)),
    token_count                       UInt64 CODEC(T64, ZSTD(1)),
    resource_cpu_micros               UInt64 CODEC(ZSTD(1)),
    resource_memory_bytes             UInt64 CODEC(GCD, ZSTD(1)),
    resource_memory_peak              UInt64 CODEC(GCD, ZSTD(1)),
    attributes_string                 Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attributes_int                    Map(LowCardinality(String), Int64) CODEC(ZSTD(1)),
    attributes_float                  Map(LowCardinality(String), Float64) CODEC(ZSTD(1)),
    attributes_bool                   Map(LowCardinality(String), Bool) CODEC(ZSTD(1)),
    attributes_json                   Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    dropped_attributes_count          UInt32 CODEC(ZSTD(1)),
    resource_attributes               LowCardinality(String) CODEC(ZSTD(1)),
    resource_dropped_attributes_count UInt32 CODEC(ZSTD(1)),
    resource_entity_refs              LowCardinality(String) CODEC(ZSTD(1)),
    resource_schema_url               LowCardinality(String) CODEC(ZSTD(1)),
    scope_name                        LowCardinality(String) CODEC(ZSTD(1)),
    scope_version                     LowCardinality(String) CODEC(ZSTD(1)),
    scope_attributes                  LowCardinality(String) CODEC(ZSTD(1)),
    scope_dropped_attributes_count    UInt32 CODEC(ZSTD(1)),
    scope_schema_url                  LowCardinality(String) CODEC(ZSTD(1)),
    `events.timestamp`                Array(DateTime64(9, 'UTC')) CODEC(T64, ZSTD(1)),
    `events.name`                     Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `events.attributes`               Array(String) CODEC(ZSTD(1)),
    `events.dropped_attributes_count` Array(UInt32) CODEC(ZSTD(1)),
    dropped_events_count              UInt32 CODEC(ZSTD(1)),
    `links.trace_id`                  Array(FixedString(32)) CODEC(ZSTD(1)),
    `links.span_id`                   Array(FixedString(16)) CODEC(ZSTD(1)),
    `links.trace_state`               Array(String) CODEC(ZSTD(1)),
    `links.attributes`                Array(String) CODEC(ZSTD(1)),
    `links.dropped_attributes_count`  Array(UInt32) CODEC(ZSTD(1)),
    `links.flags`                     Array(UInt32) CODEC(ZSTD(1)),
    dropped_links_count               UInt32 CODEC(ZSTD(1)),
    ingested_at                       DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),

    -- Capped at the last representable nanosecond (2262-04-11): a duration may be any 64 bits.
    end_timestamp DateTime64(9, 'UTC') ALIAS fromUnixTimestamp64Nano(
        toUnixTimestamp64Nano(timestamp)
            + least(duration_ns, toUInt64(9223372036854775807 - toUnixTimestamp64Nano(timestamp))), 'UTC'),

    -- Every attribute in one JSON object, for reading by people and ad hoc queries. It reads all
    -- five Maps; one attribute costs a twentieth as attributes_string['key'].
    attributes String ALIAS concat('{', arrayStringConcat(arrayConcat(
        arrayMap((key, value) -> concat(toJSONString(key), ':', toJSONString(value)),
            mapKeys(attributes_string), mapValues(attributes_string)),
        arrayMap((key, value) -> concat(toJSONString(key), ':', toString(value)),
            mapKeys(attributes_int), mapValues(attributes_int)),
        arrayMap((key, value) -> concat(toJSONString(key), ':',
            multiIf(isFinite(value),
                    concat(toString(value), if(match(toString(value), '[.e]'), '', '.0')),
                isNaN(value), '{"doubleValue":"NaN"}',
                value > 0, '{"doubleValue":"Infinity"}',
                '{"doubleValue":"-Infinity"}')),
            mapKeys(attributes_float), mapValues(attributes_float)),
        arrayMap((key, value) -> concat(toJSONString(key), ':', if(value, 'true', 'false')),
            mapKeys(attributes_bool), mapValues(attributes_bool)),
        arrayMap((key, value) -> concat(toJSONString(key), ':', value),
            mapKeys(attributes_json), mapValues(attributes_json))), ','), '}'),

    INDEX idx_trace_id      trace_id      TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_invocation_id invocation_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_session_id    session_id    TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_user_id       user_id       TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_agent_name    agent_name    TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_status_code   status_code   TYPE set(4) GRANULARITY 1,
    INDEX idx_duration_ns   duration_ns   TYPE minmax GRANULARITY 1
)
ENGINE = ${replicated}MergeTree${replica}
PARTITION BY toDate(timestamp)
PRIMARY KEY (service_name, toStartOfFiveMinutes(timestamp), trace_id)
ORDER BY (service_name, toStartOfFiveMinutes(timestamp), trace_id, timestamp)
TTL toDateTime(timestamp) + toIntervalDay(${spans_retention_days})
SETTINGS
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 1000,
    auto_statistics_types = ''
COMMENT 'Spans as received over OTLP, one row each';
