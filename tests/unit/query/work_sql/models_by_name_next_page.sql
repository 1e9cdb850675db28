SELECT
    p.llm_model,
    arraySort(groupUniqArrayArray(p.llm_system_list)),
    arraySort(groupUniqArrayArray(p.service_name_list)),
    arraySort(groupUniqArrayArray(p.agent_name_list)),
    sum(p.calls),
    sumMap(p.finish_reasons),
    toUnixTimestamp64Nano(max(p.last_seen)),
    toString(0)
FROM
(
    SELECT
        llm_model,
        [llm_system] AS llm_system_list,
        [service_name] AS service_name_list,
        [agent_name] AS agent_name_list,
        entries,
        calls,
        finish_reasons,
        last_seen
    FROM llm_call_summary_states FINAL
    WHERE slot >= toDateTime(1700000400, 'UTC')
        AND slot < toDateTime(1700003700, 'UTC')
        AND entries > 0
    UNION ALL
    SELECT
        e.llm_model AS llm_model,
        groupUniqArray(e.llm_system) AS llm_system_list,
        groupUniqArray(e.service_name) AS service_name_list,
        groupUniqArray(e.agent_name) AS agent_name_list,
        count() AS entries,
        countIf(e.counted AND e.operation IN ('llm', 'embedding')) AS calls,
        sumMapIf(map(e.finish_reason, toUInt64(1)), e.counted AND e.operation IN ('llm', 'embedding') AND e.finish_reason != '') AS finish_reasons,
        max(e.timestamp) AS last_seen
    FROM ledger AS e FINAL
    WHERE slot IN [1700000100, 1700003700]
        AND timestamp >= fromUnixTimestamp64Nano(1700000100000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003700000000005, 'UTC')
        AND (e.llm_model != '' OR e.operation IN ('llm', 'embedding') OR greatest(e.input_tokens, e.output_tokens, e.cache_read_tokens, e.cache_write_tokens, e.reasoning_tokens, e.unsplit_tokens) > 0)
    GROUP BY e.llm_model
) AS p
GROUP BY p.llm_model
HAVING sum(p.entries) > 0
    AND (p.llm_model) < ('o3')
ORDER BY p.llm_model DESC
LIMIT 51
SETTINGS do_not_merge_across_partitions_select_final = 1, use_index_for_in_with_subqueries_max_values = 100000
