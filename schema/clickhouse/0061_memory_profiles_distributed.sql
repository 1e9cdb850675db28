-- form: cluster
-- All shards' memory; a row lies beside that of its profile.
CREATE TABLE IF NOT EXISTS ${database}.memory_profiles${on_cluster} AS ${database}.memory_profiles_local
ENGINE = Distributed(${cluster}, ${database}, memory_profiles_local,
    if(trace_id = '', cityHash64(profile_id), cityHash64(trace_id)))
COMMENT 'What heap profiles say of memory, one row each, over all shards';
