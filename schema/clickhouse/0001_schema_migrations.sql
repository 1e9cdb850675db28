-- What has been applied to this database: one row a file, written by `rak-migrate up` after the
-- file's statement has succeeded. A file may have two rows after a crash or on a cluster whose
-- replicas lag; the newest counts.
CREATE TABLE IF NOT EXISTS ${database}.schema_migrations${on_cluster}
(
    version    UInt32,
    name       String,
    checksum   FixedString(64),
    form       Enum8('single' = 1, 'cluster' = 2),
    release    String,
    applied_at DateTime64(3, 'UTC')
)
ENGINE = ${replicated}MergeTree${replica_of_all_shards}
ORDER BY version
COMMENT 'Schema files that have been applied, by rak-migrate';
