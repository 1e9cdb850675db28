-- More of what attributes say, and the version of the rules that filled the columns: rows stored before
-- have 0 and are read anew from their attributes by `rak-derive rebuild`.
ALTER TABLE ${database}.spans${local}${on_cluster}
    ADD COLUMN IF NOT EXISTS conversation_id String CODEC(ZSTD(1)) AFTER resource_memory_peak,
    ADD COLUMN IF NOT EXISTS llm_request_model LowCardinality(String) CODEC(ZSTD(1)) AFTER conversation_id,
    ADD COLUMN IF NOT EXISTS llm_response_model LowCardinality(String) CODEC(ZSTD(1)) AFTER llm_request_model,
    ADD COLUMN IF NOT EXISTS llm_response_id String CODEC(ZSTD(1)) AFTER llm_response_model,
    ADD COLUMN IF NOT EXISTS finish_reason LowCardinality(String) CODEC(ZSTD(1)) AFTER llm_response_id,
    ADD COLUMN IF NOT EXISTS time_to_first_token_ns UInt64 CODEC(T64, ZSTD(1)) AFTER finish_reason,
    ADD COLUMN IF NOT EXISTS promotion_version UInt16 CODEC(ZSTD(1)) AFTER time_to_first_token_ns;
