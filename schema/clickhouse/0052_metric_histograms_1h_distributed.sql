-- form: cluster
-- All shards' windows; the shard follows from the series, as in all tables of metrics.
CREATE TABLE IF NOT EXISTS ${database}.metric_histograms_1h${on_cluster} AS ${database}.metric_histograms_1h_local
ENGINE = Distributed(${cluster}, ${database}, metric_histograms_1h_local, fingerprint)
COMMENT 'Points of histograms by the hour, over all shards';
