SELECT
    toUnixTimestamp64Nano(timestamp),
    span_id,
    parent_span_id,
    duration_ns,
    service_name,
    caller_service,
    span_name,
    span_kind,
    status_code,
    operation,
    invocation_id,
    session_id,
    user_id,
    conversation_id,
    agent_name,
    llm_model,
    llm_request_model,
    llm_system,
    tool_name,
    finish_reason,
    time_to_first_token_ns,
    resource_cpu_micros,
    resource_memory_bytes,
    resource_memory_peak,
    rules_version,
    counted,
    retry,
    input_tokens,
    output_tokens,
    cache_read_tokens,
    cache_write_tokens,
    reasoning_tokens,
    unsplit_tokens,
    cost,
    unpriced_tokens,
    total_input_tokens,
    total_output_tokens,
    total_cache_read_tokens,
    total_cache_write_tokens,
    total_reasoning_tokens,
    total_unsplit_tokens,
    total_cost,
    total_unpriced_tokens
FROM ledger FINAL
WHERE trace_id = '0af7651916cd43dd8448eb211c80319c'
    AND slot >= toDateTime(1777636800, 'UTC')
    AND slot <= toDateTime(1777640400, 'UTC')
    AND (timestamp, span_id) > (fromUnixTimestamp64Nano(1777636800000000001, 'UTC'), '00f067aa0ba902b7')
ORDER BY timestamp, span_id
LIMIT 51
SETTINGS do_not_merge_across_partitions_select_final = 1
