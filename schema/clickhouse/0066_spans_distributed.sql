-- form: cluster
ALTER TABLE ${database}.spans${on_cluster}
    ADD COLUMN IF NOT EXISTS conversation_id String AFTER resource_memory_peak,
    ADD COLUMN IF NOT EXISTS llm_request_model LowCardinality(String) AFTER conversation_id,
    ADD COLUMN IF NOT EXISTS llm_response_model LowCardinality(String) AFTER llm_request_model,
    ADD COLUMN IF NOT EXISTS llm_response_id String AFTER llm_response_model,
    ADD COLUMN IF NOT EXISTS finish_reason LowCardinality(String) AFTER llm_response_id,
    ADD COLUMN IF NOT EXISTS time_to_first_token_ns UInt64 AFTER finish_reason,
    ADD COLUMN IF NOT EXISTS promotion_version UInt16 AFTER time_to_first_token_ns;
