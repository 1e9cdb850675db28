-- form: cluster
-- All shards' points; the shard follows from the series.
CREATE TABLE IF NOT EXISTS ${database}.metric_histograms${on_cluster} AS ${database}.metric_histograms_local
ENGINE = Distributed(${cluster}, ${database}, metric_histograms_local, fingerprint)
COMMENT 'Points of histograms, one row each, over all shards';
