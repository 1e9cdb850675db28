-- form: cluster
-- All shards' profiles. Those of a trace lie on the shard of its spans; those without one are spread.
CREATE TABLE IF NOT EXISTS ${database}.cpu_profiles${on_cluster} AS ${database}.cpu_profiles_local
ENGINE = Distributed(${cluster}, ${database}, cpu_profiles_local,
    if(trace_id = '', cityHash64(profile_id), cityHash64(trace_id)))
COMMENT 'Profiles as received in pprof, one row each, of every kind, over all shards';
