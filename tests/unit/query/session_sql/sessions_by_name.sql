SELECT
    session_id,
    0 AS sorted_by,
    toString(sorted_by)
FROM trace_totals FINAL
WHERE session_id != ''
    AND timestamp < fromUnixTimestamp64Nano(1777640400000000000, 'UTC')
GROUP BY session_id
HAVING (toDecimal128(sorted_by, 12) > toDecimal128('0', 12) OR (toDecimal128(sorted_by, 12) = toDecimal128('0', 12) AND session_id > 'it\'s / %2F'))
ORDER BY sorted_by ASC, session_id ASC
LIMIT 51
SETTINGS do_not_merge_across_partitions_select_final = 1
