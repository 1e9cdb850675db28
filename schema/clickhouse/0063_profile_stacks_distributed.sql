-- form: cluster
-- All shards' stacks; rows of one key go to one shard, where the newest replaces the others.
CREATE TABLE IF NOT EXISTS ${database}.profile_stacks${on_cluster} AS ${database}.profile_stacks_local
ENGINE = Distributed(${cluster}, ${database}, profile_stacks_local, cityHash64(service_name, stack))
COMMENT 'Stacks of profiles, one row each, service and day, over all shards';
