SELECT
    session_id,
    sum(cost) AS sorted_by,
    toString(sorted_by)
FROM trace_totals FINAL
WHERE session_id != ''
    AND timestamp >= fromUnixTimestamp64Nano(1777636800000000001, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(1777640400000000000, 'UTC')
GROUP BY session_id
HAVING (toDecimal128(sorted_by, 12) < toDecimal128('0.001234', 12) OR (toDecimal128(sorted_by, 12) = toDecimal128('0.001234', 12) AND session_id < 'it\'s / %2F'))
ORDER BY sorted_by DESC, session_id DESC
LIMIT 51
SETTINGS do_not_merge_across_partitions_select_final = 1
