-- form: cluster
-- All shards' series; rows of one key go to one shard, where the newest replaces the others.
CREATE TABLE IF NOT EXISTS ${database}.metric_series${on_cluster} AS ${database}.metric_series_local
ENGINE = Distributed(${cluster}, ${database}, metric_series_local, fingerprint)
COMMENT 'Series of metrics, one row each and day, over all shards';
