SELECT
    p.tool_name,
    sum(p.calls),
    sum(p.errors),
    toString(sum(p.calls))
FROM
(
    SELECT
        tool_name,
        entries,
        calls,
        errors
    FROM tool_execution_summary_states FINAL
    WHERE slot >= toDateTime(1700000400, 'UTC')
        AND slot < toDateTime(1700003700, 'UTC')
        AND agent_name = 'planner'
        AND entries > 0
    UNION ALL
    SELECT
        e.tool_name AS tool_name,
        count() AS entries,
        countIf(e.counted AND e.operation = 'tool') AS calls,
        countIf(e.counted AND e.operation = 'tool' AND e.status_code = 'ERROR') AS errors
    FROM ledger AS e FINAL
    WHERE slot IN [1700000100, 1700003700]
        AND timestamp >= fromUnixTimestamp64Nano(1700000100000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003700000000005, 'UTC')
        AND agent_name = 'planner'
        AND (e.counted AND e.operation = 'tool')
    GROUP BY e.tool_name
) AS p
GROUP BY p.tool_name
HAVING sum(p.entries) > 0
ORDER BY sum(p.calls) DESC, p.tool_name
LIMIT 10000
SETTINGS do_not_merge_across_partitions_select_final = 1, use_index_for_in_with_subqueries_max_values = 100000
