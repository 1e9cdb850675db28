SELECT groupArray(begin_ns), groupArray(trace_id), groupArray(end_ns)
FROM (
    SELECT
        toUnixTimestamp64Nano(min(timestamp)) AS begin_ns,
        trace_id,
        toUnixTimestamp64Nano(max(end_timestamp)) AS end_ns
    FROM trace_totals FINAL
    WHERE session_id = 'it\'s / %2F'
    GROUP BY trace_id
    ORDER BY begin_ns, trace_id
    LIMIT 10001
)
SETTINGS do_not_merge_across_partitions_select_final = 1
