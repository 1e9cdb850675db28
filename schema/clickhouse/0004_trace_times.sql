-- When a trace began and ended, by day: turns a trace id into a time range, so that a lookup
-- reads the partitions of that range only. Minimum and maximum do not change when a span arrives
-- twice. Rows are merged in the background: read with GROUP BY trace_id, min(start), max(end).
-- Kept a day longer than spans, which expire by their own time and not by their day's midnight.
CREATE TABLE IF NOT EXISTS ${database}.trace_times${local}${on_cluster}
(
    trace_id FixedString(32) CODEC(ZSTD(1)),
    day      Date CODEC(ZSTD(1)),
    start    SimpleAggregateFunction(min, DateTime64(9, 'UTC')) CODEC(Delta(8), ZSTD(1)),
    end      SimpleAggregateFunction(max, DateTime64(9, 'UTC')) CODEC(Delta(8), ZSTD(1))
)
ENGINE = ${replicated}AggregatingMergeTree${replica}
PARTITION BY day
ORDER BY trace_id
TTL day + toIntervalDay(${spans_retention_days}) + toIntervalDay(1)
SETTINGS
    index_granularity = 1024,
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 1000,
    auto_statistics_types = ''
COMMENT 'Begin and end of each trace by day, fed by trace_times_feed';
