SELECT
    p.agent_name,
    sum(p.calls),
    sum(p.errors),
    sum(p.input_tokens),
    sum(p.output_tokens),
    sum(p.cache_read_tokens),
    sum(p.cache_write_tokens),
    sum(p.reasoning_tokens),
    sum(p.unsplit_tokens),
    sum(p.cost),
    sum(p.unpriced_tokens),
    toString(sum(p.calls))
FROM
(
    SELECT
        agent_name,
        entries,
        calls,
        errors,
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_write_tokens,
        reasoning_tokens,
        unsplit_tokens,
        cost,
        unpriced_tokens
    FROM llm_call_summary_states FINAL
    WHERE slot >= toDateTime(1700000400, 'UTC')
        AND slot < toDateTime(1700003700, 'UTC')
        AND llm_model = 'meta-llama/Llama-3.1-70B'
        AND entries > 0
    UNION ALL
    SELECT
        e.agent_name AS agent_name,
        count() AS entries,
        countIf(e.counted AND e.operation IN ('llm', 'embedding')) AS calls,
        countIf(e.counted AND e.operation IN ('llm', 'embedding') AND e.status_code = 'ERROR') AS errors,
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
        AND llm_model = 'meta-llama/Llama-3.1-70B'
        AND (e.llm_model != '' OR e.operation IN ('llm', 'embedding') OR greatest(e.input_tokens, e.output_tokens, e.cache_read_tokens, e.cache_write_tokens, e.reasoning_tokens, e.unsplit_tokens) > 0)
    GROUP BY e.agent_name
) AS p
GROUP BY p.agent_name
HAVING sum(p.entries) > 0
ORDER BY sum(p.calls) DESC, p.agent_name
LIMIT 10000
SETTINGS do_not_merge_across_partitions_select_final = 1, use_index_for_in_with_subqueries_max_values = 100000
