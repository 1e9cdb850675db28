-- form: cluster
-- All shards' rows.
CREATE TABLE IF NOT EXISTS ${database}.ledger${on_cluster} AS ${database}.ledger_local
ENGINE = Distributed(${cluster}, ${database}, ledger_local, cityHash64(trace_id))
COMMENT 'What agents did and what it cost, one row each span of it, over all shards';
