SELECT
    count(),
    max(toUnixTimestamp64Nano(timestamp)
        + toInt64(least(duration_ns, 9223372036854775807 - toUnixTimestamp64Nano(timestamp)))),
    groupUniqArrayIf(service_name, service_name != ''),
    groupUniqArrayIf(agent_name, agent_name != ''),
    groupUniqArrayIf(llm_model, llm_model != ''),
    groupUniqArrayIf(tool_name, tool_name != ''),
    arraySort(groupUniqArrayIf(session_id, session_id != '')),
    arraySort(groupUniqArrayIf(user_id, user_id != '')),
    sum(counted AND operation = 'agent'),
    sum(counted AND operation = 'llm'),
    sum(counted AND operation = 'tool'),
    sum(input_tokens),
    sum(output_tokens),
    sum(cache_read_tokens),
    sum(cache_write_tokens),
    sum(reasoning_tokens),
    sum(unsplit_tokens),
    sum(cost),
    sum(unpriced_tokens)
FROM ledger FINAL
WHERE invocation_id = 'it\'s / %2F'
    AND trace_id IN ['0af7651916cd43dd8448eb211c80319c']
    AND slot >= toDateTime(1777636800, 'UTC')
    AND slot <= toDateTime(1777640400, 'UTC')
SETTINGS do_not_merge_across_partitions_select_final = 1
