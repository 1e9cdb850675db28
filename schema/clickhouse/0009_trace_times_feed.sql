-- The feed of 0006 with the time of the INSERT, by the clock of the node that holds the rows.
ALTER TABLE ${database}.trace_times_feed${on_cluster} MODIFY QUERY
SELECT
    trace_id,
    toDate(timestamp) AS day,
    min(timestamp) AS start,
    max(fromUnixTimestamp64Nano(
        toUnixTimestamp64Nano(timestamp)
            + least(duration_ns, toUInt64(9223372036854775807 - toUnixTimestamp64Nano(timestamp))), 'UTC')) AS end,
    now64(3, 'UTC') AS inserted_at
FROM ${database}.spans${local}
GROUP BY trace_id, day;
