-- form: cluster
-- All shards' exemplars; the shard follows from the series.
CREATE TABLE IF NOT EXISTS ${database}.metric_exemplars${on_cluster} AS ${database}.metric_exemplars_local
ENGINE = Distributed(${cluster}, ${database}, metric_exemplars_local, fingerprint)
COMMENT 'Exemplars of data points, one row each, over all shards';
