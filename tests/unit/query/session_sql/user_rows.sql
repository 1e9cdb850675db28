SELECT
    user_id,
    toUnixTimestamp64Nano(min(timestamp)),
    toUnixTimestamp64Nano(max(end_timestamp)),
    uniqExact(trace_id),
    sum(spans),
    sum(errors),
    sum(agent_runs),
    sum(llm_calls),
    sum(tool_calls),
    arraySort(groupUniqArrayArray(services)),
    arraySort(groupUniqArrayArray(agents)),
    arraySort(groupUniqArrayArray(models)),
    arraySort(groupUniqArrayArray(tools)),
    uniqExactIf(session_id, session_id != ''),
    sum(input_tokens),
    sum(output_tokens),
    sum(cache_read_tokens),
    sum(cache_write_tokens),
    sum(reasoning_tokens),
    sum(unsplit_tokens),
    sum(cost),
    sum(unpriced_tokens)
FROM trace_totals FINAL
WHERE user_id IN ['it\'s / %2F']
GROUP BY user_id
SETTINGS do_not_merge_across_partitions_select_final = 1
