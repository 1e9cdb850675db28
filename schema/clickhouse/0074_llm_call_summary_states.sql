-- Calls of models, by five minutes: sums and buckets that add up (rak_libs.model.ledger). rak-derive computes a
-- slot whole from the ledger and writes it again when an entry changes: of rows with one key the one
-- that saw most stays. Read with FINAL, or through the view with finished columns.
CREATE TABLE IF NOT EXISTS ${database}.llm_call_summary_states${local}${on_cluster}
(
    slot                  DateTime('UTC') CODEC(Delta(4), ZSTD(1)),
    service_name          LowCardinality(String) CODEC(ZSTD(1)),
    agent_name            LowCardinality(String) CODEC(ZSTD(1)),
    llm_model             LowCardinality(String) CODEC(ZSTD(1)),
    llm_system            LowCardinality(String) CODEC(ZSTD(1)),
    entries               UInt64 CODEC(T64, ZSTD(1)),
    calls                 UInt64 CODEC(T64, ZSTD(1)),
    errors                UInt64 CODEC(T64, ZSTD(1)),
    retries               UInt64 CODEC(T64, ZSTD(1)),
    duration_ns_sum       UInt128 CODEC(ZSTD(1)),
    durations             Map(UInt16, UInt64) CODEC(ZSTD(1)),
    resource_cpu_micros   UInt64 CODEC(T64, ZSTD(1)),
    resource_memory_bytes UInt64 CODEC(T64, ZSTD(1)),
    resource_memory_peak  UInt64 CODEC(T64, ZSTD(1)),
    first_token_calls     UInt64 CODEC(T64, ZSTD(1)),
    first_token_ns_sum    UInt128 CODEC(ZSTD(1)),
    first_tokens          Map(UInt16, UInt64) CODEC(ZSTD(1)),
    finish_reasons        Map(LowCardinality(String), UInt64) CODEC(ZSTD(1)),
    input_tokens          UInt64 CODEC(T64, ZSTD(1)),
    output_tokens         UInt64 CODEC(T64, ZSTD(1)),
    cache_read_tokens     UInt64 CODEC(T64, ZSTD(1)),
    cache_write_tokens    UInt64 CODEC(T64, ZSTD(1)),
    reasoning_tokens      UInt64 CODEC(T64, ZSTD(1)),
    unsplit_tokens        UInt64 CODEC(T64, ZSTD(1)),
    cost                  Decimal(38, 12) CODEC(ZSTD(1)),
    unpriced_tokens       UInt64 CODEC(T64, ZSTD(1)),
    unpriced_calls        UInt64 CODEC(T64, ZSTD(1)),
    last_seen             DateTime64(9, 'UTC') CODEC(Delta(8), ZSTD(1)),
    seen_until            DateTime64(3, 'UTC') CODEC(Delta(8), ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree(${replica_parameters}seen_until)
PARTITION BY toYYYYMM(slot)
ORDER BY (slot, service_name, agent_name, llm_model, llm_system)
TTL slot + toIntervalDay(${summaries_retention_days})
SETTINGS
    ttl_only_drop_parts = 1,
    non_replicated_deduplication_window = 0,
    auto_statistics_types = ''
COMMENT 'Calls of models, by five minutes';
