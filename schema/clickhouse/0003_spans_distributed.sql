-- form: cluster
-- All shards' spans; the shard follows from the trace, so a trace is read from one shard.
CREATE TABLE IF NOT EXISTS ${database}.spans${on_cluster} AS ${database}.spans_local
ENGINE = Distributed(${cluster}, ${database}, spans_local, cityHash64(trace_id))
COMMENT 'Spans as received over OTLP, one row each, over all shards';
