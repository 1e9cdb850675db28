-- form: cluster
-- All shards' rows.
CREATE TABLE IF NOT EXISTS ${database}.llm_call_summary_states${on_cluster} AS ${database}.llm_call_summary_states_local
ENGINE = Distributed(${cluster}, ${database}, llm_call_summary_states_local, cityHash64(service_name))
COMMENT 'Calls of models, by five minutes, over all shards';
