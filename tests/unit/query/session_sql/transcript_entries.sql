SELECT
    groupArray(200000)(trace_id),
    groupArray(200000)(span_id),
    groupArray(200000)(toUnixTimestamp64Nano(timestamp)),
    groupArray(200000)(duration_ns),
    groupArray(200000)(operation),
    groupArray(200000)(session_id),
    groupArray(200000)(agent_name),
    groupArray(200000)(tool_name),
    groupArray(200000)(counted)
FROM ledger FINAL
WHERE trace_id IN ['0af7651916cd43dd8448eb211c80319c', 'ffffffffffffffffffffffffffffffff']
    AND timestamp >= fromUnixTimestamp64Nano(1777636800000000001, 'UTC')
    AND timestamp <= fromUnixTimestamp64Nano(1777640400000000000, 'UTC')
    AND slot >= toDateTime(1777636800, 'UTC')
    AND slot <= toDateTime(1777640400, 'UTC')
SETTINGS do_not_merge_across_partitions_select_final = 1
