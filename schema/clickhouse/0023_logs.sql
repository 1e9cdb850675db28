-- Log records, one row each. Columns and their types are those of rak_libs.model.logs, in its order.
--
-- Sorted as spans are: the records of a trace lie together within five minutes of a service, and
-- the primary key leaves the time out.
CREATE TABLE IF NOT EXISTS ${database}.logs${local}${on_cluster}
(
    timestamp                         DateTime64(9, 'UTC') CODEC(Delta(8), T64, ZSTD(1)),
    time_is_observed                  Bool CODEC(ZSTD(1)),
    observed_timestamp                DateTime64(9, 'UTC') CODEC(Delta(8), T64, ZSTD(1)),
    trace_id                          FixedString(32) CODEC(ZSTD(1)),
    span_id                           FixedString(16) CODEC(ZSTD(1)),
    flags                             UInt32 CODEC(ZSTD(1)),
    service_name                      LowCardinality(String) CODEC(ZSTD(1)),
    severity_number                   Int32 CODEC(ZSTD(1)),
    severity_text                     LowCardinality(String) CODEC(ZSTD(1)),
    event_name                        LowCardinality(String) CODEC(ZSTD(1)),
    body                              String CODEC(ZSTD(1)),
    body_json                         String CODEC(ZSTD(1)),
    invocation_id                     String CODEC(ZSTD(1)),
    session_id                        String CODEC(ZSTD(1)),
    user_id                           String CODEC(ZSTD(1)),
    agent_name                        LowCardinality(String) CODEC(ZSTD(1)),
    llm_model                         LowCardinality(String) CODEC(ZSTD(1)),
    tool_name                         LowCardinality(String) CODEC(ZSTD(1)),
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
    position                          UInt32 CODEC(Delta(4), ZSTD(1)),
    ingested_at                       DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),
    _batch                            UInt64 CODEC(ZSTD(1)),

    -- When the engine took the row, by its own clock: what a walk through pages has begun to see is
    -- told from what came after it, and a tail finds what is new.
    inserted_at DateTime64(3, 'UTC') MATERIALIZED now64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),

    -- The text as searches in any case compare it: under Unicode's full case folding, which costs
    -- the engine some twenty times what ASCII's does, so texts that are ASCII go without.
    body_folded String ALIAS if(length(body) = lengthUTF8(body),
        lower(body), caseFoldUTF8(toValidUTF8(body))),

    -- Every attribute in one JSON object, for reading by people and ad hoc queries; see spans.
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

    INDEX idx_trace_id        trace_id        TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_invocation_id   invocation_id   TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_session_id      session_id      TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_user_id         user_id         TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_agent_name      agent_name      TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_event_name      event_name      TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX idx_severity_number severity_number TYPE minmax GRANULARITY 1,
    -- Four letters each, so that a part of a word is found, and punctuation too.
    INDEX idx_body            body_folded     TYPE ngrambf_v1(4, 32768, 3, 0) GRANULARITY 1,
    INDEX idx_ingested_at     ingested_at     TYPE minmax GRANULARITY 1,
    INDEX idx_inserted_at     inserted_at     TYPE minmax GRANULARITY 1,
    INDEX idx_batch           _batch          TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ${replicated}MergeTree${replica}
PARTITION BY toDate(timestamp)
PRIMARY KEY (service_name, toStartOfFiveMinutes(timestamp), trace_id)
ORDER BY (service_name, toStartOfFiveMinutes(timestamp), trace_id, timestamp)
TTL toDateTime(timestamp) + toIntervalDay(${logs_retention_days})
SETTINGS
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800,
    auto_statistics_types = ''
COMMENT 'Log records as received over OTLP, one row each';
