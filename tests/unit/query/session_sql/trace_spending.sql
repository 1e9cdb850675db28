SELECT
    trace_id,
    sum(agent_runs),
    sum(llm_calls),
    sum(tool_calls),
    sum(input_tokens),
    sum(output_tokens),
    sum(cache_read_tokens),
    sum(cache_write_tokens),
    sum(reasoning_tokens),
    sum(unsplit_tokens),
    sum(cost),
    sum(unpriced_tokens)
FROM trace_totals FINAL
WHERE trace_id IN ['0af7651916cd43dd8448eb211c80319c', 'ffffffffffffffffffffffffffffffff']
    AND timestamp >= fromUnixTimestamp64Nano(1777636800000000001, 'UTC')
    AND timestamp <= fromUnixTimestamp64Nano(1777640400000000000, 'UTC')
GROUP BY trace_id
SETTINGS do_not_merge_across_partitions_select_final = 1
