SELECT
    p.agent_name,
    arraySort(groupUniqArrayArray(p.service_name_list)),
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
    sum(p.unpriced_tokens),
    toString(0)
FROM
(
    SELECT
        agent_name,
        [service_name] AS service_name_list,
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
    WHERE slot >= toDateTime(1700000100, 'UTC')
        AND entries > 0
) AS p
GROUP BY p.agent_name
HAVING sum(p.entries) > 0
ORDER BY p.agent_name
LIMIT 51
SETTINGS do_not_merge_across_partitions_select_final = 1, use_index_for_in_with_subqueries_max_values = 100000
