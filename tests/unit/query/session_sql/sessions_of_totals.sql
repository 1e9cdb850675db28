SELECT
    session_id,
    toUnixTimestamp64Nano(min(timestamp)) AS sorted_by,
    toString(sorted_by)
FROM trace_totals FINAL
WHERE session_id != ''
    AND timestamp >= fromUnixTimestamp64Nano(1777636800000000001, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(1777640400000000000, 'UTC')
    AND session_id = 'it\'s / %2F'
    AND session_id GLOBAL IN (SELECT session_id FROM trace_totals FINAL WHERE user_id = 'u'
        AND trace_id = '0af7651916cd43dd8448eb211c80319c'
        AND timestamp >= fromUnixTimestamp64Nano(1777636800000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1777640400000000000, 'UTC'))
GROUP BY session_id
HAVING true
ORDER BY sorted_by ASC, session_id ASC
LIMIT 51
SETTINGS do_not_merge_across_partitions_select_final = 1
