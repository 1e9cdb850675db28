SELECT
    p.agent_name,
    p.begin_ns,
    grouping(p.begin_ns) = 0,
    arraySort(groupUniqArrayArray(p.service_name_list)),
    sum(p.calls),
    quantilesExactWeightedArray(0.5, 0.95, 0.99)(mapKeys(p.durations), mapValues(p.durations))
FROM
(
    SELECT
        agent_name,
        toInt64(intDiv(toUnixTimestamp(slot) * 1000000000, 3600000000000) * 3600000000000) AS begin_ns,
        [service_name] AS service_name_list,
        entries,
        calls,
        durations
    FROM agent_execution_summary_states FINAL
    WHERE slot >= toDateTime(1700000400, 'UTC')
        AND slot < toDateTime(1700003700, 'UTC')
        AND agent_name = 'planner'
        AND entries > 0
    UNION ALL
    SELECT
        e.agent_name AS agent_name,
        intDiv(toUnixTimestamp64Nano(e.timestamp), 3600000000000) * 3600000000000 AS begin_ns,
        groupUniqArray(e.service_name) AS service_name_list,
        count() AS entries,
        countIf(e.counted AND e.operation = 'agent') AS calls,
        sumMapIf(map(toUInt16(round(log(greatest(e.duration_ns, 1)) * 50)), toUInt64(1)), e.counted AND e.operation = 'agent') AS durations
    FROM ledger AS e FINAL
    WHERE slot IN [1700000100, 1700003700]
        AND timestamp >= fromUnixTimestamp64Nano(1700000100000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003700000000005, 'UTC')
        AND agent_name = 'planner'
        AND true
    GROUP BY e.agent_name, begin_ns
) AS p
GROUP BY GROUPING SETS ((p.agent_name), (p.agent_name, p.begin_ns))
HAVING sum(p.entries) > 0
ORDER BY grouping(p.begin_ns) = 0, p.begin_ns, sum(p.calls) DESC
LIMIT 10000
SETTINGS do_not_merge_across_partitions_select_final = 1, use_index_for_in_with_subqueries_max_values = 100000
