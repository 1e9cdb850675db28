-- How far rak-derive has come (rak_libs.model.metric_rollups). Every row that was ever written is true;
-- the one that has seen most counts. The table is whole on every node.
CREATE TABLE IF NOT EXISTS ${database}.derive_progress${on_cluster}
(
    name           LowCardinality(String),
    seen_until     DateTime64(3, 'UTC'),
    complete_until DateTime64(9, 'UTC'),
    noted_at       DateTime64(3, 'UTC')
)
ENGINE = ${replicated}ReplacingMergeTree${replica_of_all_shards}
ORDER BY name
COMMENT 'How far derived rows have come';
