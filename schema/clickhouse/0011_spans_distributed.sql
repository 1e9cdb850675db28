-- form: cluster
ALTER TABLE ${database}.spans${on_cluster}
    ADD COLUMN IF NOT EXISTS _batch UInt64 AFTER ingested_at;
