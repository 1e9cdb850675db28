-- Which gen_ai.* attributes spans had, by hour, service and instrumentation: what GET /api/v1/semconv/coverage
-- holds against the promotion rules. Rows are merged in the background: read with GROUP BY and
-- sum(spans), min(first_seen), max(last_seen). A span that is stored twice counts twice.
CREATE TABLE IF NOT EXISTS ${database}.attribute_keys${local}${on_cluster}
(
    hour          DateTime('UTC') CODEC(ZSTD(1)),
    service_name  LowCardinality(String) CODEC(ZSTD(1)),
    scope_name    LowCardinality(String) CODEC(ZSTD(1)),
    scope_version LowCardinality(String) CODEC(ZSTD(1)),
    key           LowCardinality(String) CODEC(ZSTD(1)),
    spans         SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    first_seen    SimpleAggregateFunction(min, DateTime64(9, 'UTC')) CODEC(ZSTD(1)),
    last_seen     SimpleAggregateFunction(max, DateTime64(9, 'UTC')) CODEC(ZSTD(1))
)
ENGINE = ${replicated}AggregatingMergeTree${replica}
PARTITION BY toDate(hour)
ORDER BY (hour, service_name, scope_name, scope_version, key)
TTL toDate(hour) + toIntervalDay(${spans_retention_days}) + toIntervalDay(1)
SETTINGS
    index_granularity = 1024,
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 10000,
    replicated_deduplication_window = 10000,
    replicated_deduplication_window_seconds = 604800,
    auto_statistics_types = ''
COMMENT 'gen_ai attributes of spans by hour and instrumentation, fed by attribute_keys_feed';
