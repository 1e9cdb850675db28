SELECT
    p.agent_name,
    p.begin_ns,
    sum(p.calls),
    sum(p.errors),
    sum(p.duration_ns_sum),
    quantilesExactWeightedArray(0.5, 0.95, 0.99)(mapKeys(p.durations), mapValues(p.durations)),
    sum(p.input_tokens),
    sum(p.output_tokens),
    sum(p.cache_read_tokens),
    sum(p.cache_write_tokens),
    sum(p.reasoning_tokens),
    sum(p.unsplit_tokens),
    sum(p.cost),
    sum(p.unpriced_tokens)
FROM
(
    SELECT
        agent_name,
        toInt64(intDiv(toUnixTimestamp(slot) * 1000000000, 3600000000000) * 3600000000000) AS begin_ns,
        entries,
        calls,
        errors,
        duration_ns_sum,
        durations,
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_write_tokens,
        reasoning_tokens,
        unsplit_tokens,
        cost,
        unpriced_tokens
    FROM agent_execution_summary_states FINAL
    WHERE slot >= toDateTime(1700000400, 'UTC')
        AND slot < toDateTime(1700003700, 'UTC')
        AND agent_name = 'planner'
        AND agent_name IN ['planner']
        AND entries > 0
    UNION ALL
    SELECT
        e.agent_name AS agent_name,
        intDiv(toUnixTimestamp64Nano(e.timestamp), 3600000000000) * 3600000000000 AS begin_ns,
        count() AS entries,
        countIf(e.counted AND e.operation = 'agent') AS calls,
        countIf(e.counted AND e.operation = 'agent' AND e.status_code = 'ERROR') AS errors,
        sumIf(toUInt128(e.duration_ns), e.counted AND e.operation = 'agent') AS duration_ns_sum,
        sumMapIf(map(toUInt16(round(log(greatest(e.duration_ns, 1)) * 50)), toUInt64(1)), e.counted AND e.operation = 'agent') AS durations,
        sum(e.input_tokens) AS input_tokens,
        sum(e.output_tokens) AS output_tokens,
        sum(e.cache_read_tokens) AS cache_read_tokens,
        sum(e.cache_write_tokens) AS cache_write_tokens,
        sum(e.reasoning_tokens) AS reasoning_tokens,
        sum(e.unsplit_tokens) AS unsplit_tokens,
        sum(e.cost) AS cost,
        sum(e.unpriced_tokens) AS unpriced_tokens
    FROM ledger AS e FINAL
    WHERE slot IN [1700000100, 1700003700]
        AND timestamp >= fromUnixTimestamp64Nano(1700000100000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003700000000005, 'UTC')
        AND agent_name = 'planner'
        AND agent_name IN ['planner']
        AND true
    GROUP BY e.agent_name, begin_ns
) AS p
GROUP BY p.agent_name, p.begin_ns
HAVING sum(p.entries) > 0
ORDER BY p.agent_name, p.begin_ns
SETTINGS do_not_merge_across_partitions_select_final = 1, use_index_for_in_with_subqueries_max_values = 100000
