-- form: cluster
-- All shards' points; the shard follows from the series.
CREATE TABLE IF NOT EXISTS ${database}.metric_summaries${on_cluster} AS ${database}.metric_summaries_local
ENGINE = Distributed(${cluster}, ${database}, metric_summaries_local, fingerprint)
COMMENT 'Points of summaries, one row each, over all shards';
