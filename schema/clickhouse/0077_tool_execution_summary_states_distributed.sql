-- form: cluster
-- All shards' rows.
CREATE TABLE IF NOT EXISTS ${database}.tool_execution_summary_states${on_cluster} AS ${database}.tool_execution_summary_states_local
ENGINE = Distributed(${cluster}, ${database}, tool_execution_summary_states_local, cityHash64(service_name))
COMMENT 'Calls of tools, by five minutes, over all shards';
