-- form: cluster
-- All shards' points; the shard follows from the series, as in all tables of metrics.
CREATE TABLE IF NOT EXISTS ${database}.metric_samples${on_cluster} AS ${database}.metric_samples_local
ENGINE = Distributed(${cluster}, ${database}, metric_samples_local, fingerprint)
COMMENT 'Points of counters and gauges, one row each, over all shards';
