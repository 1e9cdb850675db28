-- form: cluster
-- All shards' windows; the shard follows from the series, as in all tables of metrics.
CREATE TABLE IF NOT EXISTS ${database}.metric_samples_1m${on_cluster} AS ${database}.metric_samples_1m_local
ENGINE = Distributed(${cluster}, ${database}, metric_samples_1m_local, fingerprint)
COMMENT 'Points of counters and gauges by the minute, over all shards';
