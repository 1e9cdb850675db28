SELECT
    session_id,
    intDiv(toUnixTimestamp64Nano(timestamp), 60000000000) * 60000000000 AS begin_ns,
    uniqExact(trace_id),
    sum(spans),
    sum(errors),
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
WHERE session_id IN ['it\'s / %2F']
    AND timestamp >= fromUnixTimestamp64Nano(1777636800000000001, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(1777640400000000000, 'UTC')
GROUP BY session_id, begin_ns
ORDER BY session_id, begin_ns
SETTINGS do_not_merge_across_partitions_select_final = 1
