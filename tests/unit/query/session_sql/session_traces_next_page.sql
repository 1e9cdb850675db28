SELECT
    toUnixTimestamp64Nano(min(timestamp)) AS begin_ns,
    trace_id,
    toUnixTimestamp64Nano(max(end_timestamp)),
    any(root_service),
    any(root_name),
    sum(spans),
    sum(errors),
    arraySort(groupUniqArrayArray(agents)),
    arraySort(groupUniqArrayArray(models)),
    arraySort(groupUniqArrayArray(tools)),
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
WHERE session_id = 'it\'s / %2F'
GROUP BY trace_id
HAVING (begin_ns, trace_id) > (1777636800000000001, '0af7651916cd43dd8448eb211c80319c')
ORDER BY begin_ns, trace_id
LIMIT 51
SETTINGS do_not_merge_across_partitions_select_final = 1
