-- Series of metrics: what describes the points of a fingerprint. Columns and their types are those
-- of rak_libs.model.metrics, in its order.
--
-- One row a series and day, written again from time to time: of rows with one key the newest stays.
-- So every INSERT may be repeated, and none may be deduplicated by the engine (see pipeline). The day
-- lets a question about a range of time leave out series that had no points in it. A row outlives the
-- points of its day and what is derived from them.
CREATE TABLE IF NOT EXISTS ${database}.metric_series${local}${on_cluster}
(
    fingerprint                       UInt64 CODEC(ZSTD(1)),
    day                               Date CODEC(ZSTD(1)),
    metric_name                       LowCardinality(String) CODEC(ZSTD(1)),
    metric_type                       Enum8('COUNTER' = 1, 'GAUGE' = 2, 'HISTOGRAM' = 3, 'SUMMARY' = 4, 'EXPONENTIAL_HISTOGRAM' = 5, 'UP_DOWN_COUNTER' = 6) CODEC(ZSTD(1)),
    temporality                       Enum8('UNSPECIFIED' = 0, 'DELTA' = 1, 'CUMULATIVE' = 2) CODEC(ZSTD(1)),
    unit                              LowCardinality(String) CODEC(ZSTD(1)),
    description                       LowCardinality(String) CODEC(ZSTD(1)),
    metadata                          LowCardinality(String) CODEC(ZSTD(1)),
    service_name                      LowCardinality(String) CODEC(ZSTD(1)),
    agent_name                        LowCardinality(String) CODEC(ZSTD(1)),
    user_id                           String CODEC(ZSTD(1)),
    session_id                        String CODEC(ZSTD(1)),
    labels                            Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attributes_string                 Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    attributes_int                    Map(LowCardinality(String), Int64) CODEC(ZSTD(1)),
    attributes_float                  Map(LowCardinality(String), Float64) CODEC(ZSTD(1)),
    attributes_bool                   Map(LowCardinality(String), Bool) CODEC(ZSTD(1)),
    attributes_json                   Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    resource_attributes               LowCardinality(String) CODEC(ZSTD(1)),
    resource_dropped_attributes_count UInt32 CODEC(ZSTD(1)),
    resource_entity_refs              LowCardinality(String) CODEC(ZSTD(1)),
    resource_schema_url               LowCardinality(String) CODEC(ZSTD(1)),
    scope_name                        LowCardinality(String) CODEC(ZSTD(1)),
    scope_version                     LowCardinality(String) CODEC(ZSTD(1)),
    scope_attributes                  LowCardinality(String) CODEC(ZSTD(1)),
    scope_dropped_attributes_count    UInt32 CODEC(ZSTD(1)),
    scope_schema_url                  LowCardinality(String) CODEC(ZSTD(1)),
    seen_at                           DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1)),

    is_monotonic Bool ALIAS metric_type = 'COUNTER'
)
ENGINE = ${replicated}ReplacingMergeTree(${replica_parameters}seen_at)
PARTITION BY day
ORDER BY (metric_name, fingerprint, day)
TTL day + toIntervalDay(${metric_series_retention_days}) + toIntervalDay(1)
SETTINGS
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 0,
    auto_statistics_types = ''
COMMENT 'Series of metrics, one row each and day';
