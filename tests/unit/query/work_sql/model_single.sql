SELECT
    p.llm_model,
    p.begin_ns,
    p.agent_name,
    grouping(p.begin_ns) = 0,
    grouping(p.agent_name) = 0,
    arraySort(groupUniqArrayArray(p.llm_system_list)),
    arraySort(groupUniqArrayArray(p.service_name_list)),
    arraySort(groupUniqArrayArray(p.agent_name_list)),
    sum(p.calls),
    quantilesExactWeightedArray(0.5, 0.95, 0.99)(mapKeys(p.durations), mapValues(p.durations))
FROM
(
    SELECT
        llm_model,
        agent_name,
        toInt64(intDiv(toUnixTimestamp(slot) * 1000000000, 3600000000000) * 3600000000000) AS begin_ns,
        [llm_system] AS llm_system_list,
        [service_name] AS service_name_list,
        [agent_name] AS agent_name_list,
        entries,
        calls,
        durations
    FROM llm_call_summary_states FINAL
    WHERE slot >= toDateTime(1700000400, 'UTC')
        AND slot < toDateTime(1700003700, 'UTC')
        AND llm_model = 'meta-llama/Llama-3.1-70B'
        AND entries > 0
    UNION ALL
    SELECT
        e.llm_model AS llm_model,
        e.agent_name AS agent_name,
        intDiv(toUnixTimestamp64Nano(e.timestamp), 3600000000000) * 3600000000000 AS begin_ns,
        groupUniqArray(e.llm_system) AS llm_system_list,
        groupUniqArray(e.service_name) AS service_name_list,
        groupUniqArray(e.agent_name) AS agent_name_list,
        count() AS entries,
        countIf(e.counted AND e.operation IN ('llm', 'embedding')) AS calls,
        sumMapIf(map(toUInt16(round(log(greatest(e.duration_ns, 1)) * 50)), toUInt64(1)), e.counted AND e.operation IN ('llm', 'embedding')) AS durations
    FROM ledger AS e FINAL
    WHERE slot IN [1700000100, 1700003700]
        AND timestamp >= fromUnixTimestamp64Nano(1700000100000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003700000000005, 'UTC')
        AND llm_model = 'meta-llama/Llama-3.1-70B'
        AND (e.llm_model != '' OR e.operation IN ('llm', 'embedding') OR greatest(e.input_tokens, e.output_tokens, e.cache_read_tokens, e.cache_write_tokens, e.reasoning_tokens, e.unsplit_tokens) > 0)
    GROUP BY e.llm_model, e.agent_name, begin_ns
) AS p
GROUP BY GROUPING SETS ((p.llm_model), (p.llm_model, p.begin_ns), (p.llm_model, p.agent_name))
HAVING sum(p.entries) > 0
ORDER BY grouping(p.agent_name) = 0, grouping(p.begin_ns) = 0, p.begin_ns, sum(p.calls) DESC, p.agent_name
LIMIT 10000
SETTINGS do_not_merge_across_partitions_select_final = 1, use_index_for_in_with_subqueries_max_values = 100000
