-- Stacks of profiles: the frames that a hash in samples.stack stands for. Columns and their types are
-- those of rak_libs.model.profiles, in its order.
--
-- One row a service, stack and day, written again from time to time: of rows with one key the newest
-- stays. So every INSERT may be repeated, and none may be deduplicated by the engine (see pipeline).
-- A row outlives the profiles of its day.
CREATE TABLE IF NOT EXISTS ${database}.profile_stacks${local}${on_cluster}
(
    day          Date CODEC(ZSTD(1)),
    service_name LowCardinality(String) CODEC(ZSTD(1)),
    stack        UInt64 CODEC(ZSTD(1)),
    frames       Array(UInt64) CODEC(ZSTD(1)),
    functions    Array(LowCardinality(String)) CODEC(ZSTD(1)),
    system_names Array(LowCardinality(String)) CODEC(ZSTD(1)),
    files        Array(LowCardinality(String)) CODEC(ZSTD(1)),
    start_lines  Array(Int64) CODEC(ZSTD(1)),
    lines        Array(Int64) CODEC(ZSTD(1)),
    columns      Array(Int64) CODEC(ZSTD(1)),
    inlined      Array(Bool) CODEC(ZSTD(1)),
    mappings     Array(LowCardinality(String)) CODEC(ZSTD(1)),
    addresses    Array(UInt64) CODEC(ZSTD(1)),
    seen_at      DateTime('UTC') CODEC(Delta(4), ZSTD(1)),

    -- What each frame is called: its function or, without, the place in its program.
    locations Array(String) ALIAS arrayMap(
        (name, mapping, address) -> if(name != '', name,
            concat(if(mapping = '', '[unknown]', mapping), '+0x', lower(trimLeft(hex(address), '0')))),
        functions, mappings, addresses)
)
ENGINE = ${replicated}ReplacingMergeTree(${replica_parameters}seen_at)
PARTITION BY day
ORDER BY (service_name, stack)
TTL day + toIntervalDay(${profiles_retention_days}) + toIntervalDay(1)
SETTINGS
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 0,
    auto_statistics_types = ''
COMMENT 'Stacks of profiles, one row each, service and day';
