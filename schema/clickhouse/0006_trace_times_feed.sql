-- Feeds trace_times from every INSERT into spans. The end is capped as in spans.end_timestamp: an
-- overflow here would fail the INSERT of the whole batch for ever.
CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.trace_times_feed${on_cluster}
TO ${database}.trace_times${local}
AS SELECT
    trace_id,
    toDate(timestamp) AS day,
    min(timestamp) AS start,
    max(fromUnixTimestamp64Nano(
        toUnixTimestamp64Nano(timestamp)
            + least(duration_ns, toUInt64(9223372036854775807 - toUnixTimestamp64Nano(timestamp))), 'UTC')) AS end
FROM ${database}.spans${local}
GROUP BY trace_id, day;
