SELECT
    session_id,
    groupArray(begin_ns),
    groupArray(c0),
    groupArray(c1),
    groupArray(c2),
    groupArray(c3),
    groupArray(c4),
    groupArray(c5),
    groupArray(c6),
    groupArray(c7),
    groupArray(c8),
    groupArray(c9),
    groupArray(c10),
    groupArray(c11),
    groupArray(c12),
    groupArray(c13)
FROM (
    SELECT
        session_id,
        intDiv(toUnixTimestamp64Nano(timestamp), 60000000000) * 60000000000 AS begin_ns,
        uniqExact(trace_id) AS c0,
        sum(spans) AS c1,
        sum(errors) AS c2,
        sum(agent_runs) AS c3,
        sum(llm_calls) AS c4,
        sum(tool_calls) AS c5,
        sum(input_tokens) AS c6,
        sum(output_tokens) AS c7,
        sum(cache_read_tokens) AS c8,
        sum(cache_write_tokens) AS c9,
        sum(reasoning_tokens) AS c10,
        sum(unsplit_tokens) AS c11,
        sum(cost) AS c12,
        sum(unpriced_tokens) AS c13
    FROM trace_totals FINAL
    WHERE session_id IN ['it\'s / %2F']
        AND timestamp >= fromUnixTimestamp64Nano(1777636800000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1777640400000000000, 'UTC')
    GROUP BY session_id, begin_ns
    ORDER BY begin_ns
)
GROUP BY session_id
SETTINGS do_not_merge_across_partitions_select_final = 1
