-- form: cluster
-- All shards' rows.
CREATE TABLE IF NOT EXISTS ${database}.trace_totals${on_cluster} AS ${database}.trace_totals_local
ENGINE = Distributed(${cluster}, ${database}, trace_totals_local, cityHash64(trace_id))
COMMENT 'What the spans of a trace, session and user sum up to, over all shards';
