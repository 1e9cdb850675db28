-- form: cluster
-- All shards' rows.
CREATE TABLE IF NOT EXISTS ${database}.agent_execution_summary_states${on_cluster} AS ${database}.agent_execution_summary_states_local
ENGINE = Distributed(${cluster}, ${database}, agent_execution_summary_states_local, cityHash64(service_name))
COMMENT 'Runs of agents, by five minutes, over all shards';
