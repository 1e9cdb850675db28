-- form: cluster
-- All shards' points: a query runs on each shard's own view.
CREATE TABLE IF NOT EXISTS ${database}.metrics${on_cluster} AS ${database}.metrics_local
ENGINE = Distributed(${cluster}, ${database}, metrics_local)
COMMENT 'Data points with what describes their series, over all shards';
