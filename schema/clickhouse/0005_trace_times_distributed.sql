-- form: cluster
-- All shards' trace times, on the shard of their spans.
CREATE TABLE IF NOT EXISTS ${database}.trace_times${on_cluster} AS ${database}.trace_times_local
ENGINE = Distributed(${cluster}, ${database}, trace_times_local, cityHash64(trace_id))
COMMENT 'Begin and end of each trace by day, over all shards';
