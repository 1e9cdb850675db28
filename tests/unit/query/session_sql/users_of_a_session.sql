SELECT
    user_id,
    uniqExactIf(session_id, session_id != '') AS sorted_by,
    toString(sorted_by)
FROM trace_totals FINAL
WHERE user_id != ''
    AND timestamp >= fromUnixTimestamp64Nano(1777636800000000001, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(1777640400000000000, 'UTC')
    AND user_id GLOBAL IN (SELECT user_id FROM trace_totals FINAL WHERE session_id = 'it\'s / %2F'
        AND timestamp >= fromUnixTimestamp64Nano(1777636800000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1777640400000000000, 'UTC'))
GROUP BY user_id
HAVING true
ORDER BY sorted_by DESC, user_id DESC
LIMIT 51
SETTINGS do_not_merge_across_partitions_select_final = 1
