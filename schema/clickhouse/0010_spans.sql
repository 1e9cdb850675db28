-- The batch that a row was written with (0: none): after an INSERT whose outcome is unknown the
-- writer counts its rows per partition. A batch lies within a few minutes of the sorting key, so the
-- index leaves few granules to read. The window remembers that many INSERTs per partition touched:
-- about half an hour of six INSERTs a second, for a writer that comes back after a stall.
ALTER TABLE ${database}.spans${local}${on_cluster}
    ADD COLUMN IF NOT EXISTS _batch UInt64 CODEC(ZSTD(1)) AFTER ingested_at,
    ADD INDEX IF NOT EXISTS idx_batch _batch TYPE bloom_filter(0.01) GRANULARITY 1,
    MODIFY SETTING
        non_replicated_deduplication_window = 10000,
        replicated_deduplication_window = 10000,
        replicated_deduplication_window_seconds = 604800;
