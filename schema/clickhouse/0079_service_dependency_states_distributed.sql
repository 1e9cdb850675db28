-- form: cluster
-- All shards' rows.
CREATE TABLE IF NOT EXISTS ${database}.service_dependency_states${on_cluster} AS ${database}.service_dependency_states_local
ENGINE = Distributed(${cluster}, ${database}, service_dependency_states_local, cityHash64(service_name))
COMMENT 'Calls between services, by five minutes, over all shards';
