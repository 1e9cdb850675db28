-- form: cluster
-- All shards' attribute keys. Each shard counts the spans that it holds.
CREATE TABLE IF NOT EXISTS ${database}.attribute_keys${on_cluster} AS ${database}.attribute_keys_local
ENGINE = Distributed(${cluster}, ${database}, attribute_keys_local, cityHash64(key))
COMMENT 'gen_ai attributes of spans by hour and instrumentation, over all shards';
