-- form: cluster
-- All shards' account; rows of one key go to one shard, where the newest replaces the others.
CREATE TABLE IF NOT EXISTS ${database}.pipeline${on_cluster} AS ${database}.pipeline_local
ENGINE = Distributed(${cluster}, ${database}, pipeline_local, cityHash64(boot, batch))
COMMENT 'What became of the items: the account, over all shards';
