SELECT
    session_id,
    toUnixTimestamp64Nano(max(end_timestamp)) - toUnixTimestamp64Nano(min(timestamp)) AS sorted_by,
    toString(sorted_by)
FROM trace_totals FINAL
WHERE session_id != ''
    AND timestamp >= fromUnixTimestamp64Nano(1777636800000000001, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(1777640400000000000, 'UTC')
    AND session_id GLOBAL IN (SELECT session_id FROM trace_totals FINAL WHERE has(models, 'meta-llama/Llama-3.1-70B')
        AND timestamp >= fromUnixTimestamp64Nano(1777636800000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1777640400000000000, 'UTC'))
GROUP BY session_id
HAVING true
ORDER BY sorted_by DESC, session_id DESC
LIMIT 51
SETTINGS do_not_merge_across_partitions_select_final = 1
