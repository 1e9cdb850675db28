SELECT
    p.agent_name,
    arraySort(groupUniqArrayArray(p.service_name_list)),
    sum(p.calls),
    toString(sum(p.cost))
FROM
(
    SELECT
        agent_name,
        [service_name] AS service_name_list,
        entries,
        calls
    FROM agent_execution_summary_states FINAL
    WHERE slot >= toDateTime(1700000400, 'UTC')
        AND slot < toDateTime(1700003700, 'UTC')
        AND entries > 0
    UNION ALL
    SELECT
        e.agent_name AS agent_name,
        groupUniqArray(e.service_name) AS service_name_list,
        count() AS entries,
        countIf(e.counted AND e.operation = 'agent') AS calls
    FROM ledger AS e FINAL
    WHERE slot IN [1700000100, 1700003700]
        AND timestamp >= fromUnixTimestamp64Nano(1700000100000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003700000000005, 'UTC')
        AND true
    GROUP BY e.agent_name
) AS p
GROUP BY p.agent_name
HAVING sum(p.entries) > 0
    AND (sum(p.cost) < toDecimal128('0.5', 12) OR (sum(p.cost) = toDecimal128('0.5', 12) AND (p.agent_name) > ('it\'s')))
ORDER BY sum(p.cost) DESC, p.agent_name
LIMIT 51
SETTINGS do_not_merge_across_partitions_select_final = 1, use_index_for_in_with_subqueries_max_values = 100000
