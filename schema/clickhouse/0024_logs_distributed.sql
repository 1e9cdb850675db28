-- form: cluster
-- All shards' logs. Records of a trace lie on the shard of its spans; those without one are spread.
CREATE TABLE IF NOT EXISTS ${database}.logs${on_cluster} AS ${database}.logs_local
ENGINE = Distributed(${cluster}, ${database}, logs_local,
    if(trace_id = '', cityHash64(service_name, timestamp), cityHash64(trace_id)))
COMMENT 'Log records as received over OTLP, one row each, over all shards';
