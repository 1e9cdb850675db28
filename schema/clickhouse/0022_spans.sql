-- Spans are counted by the hour in which the broker took them (GET /api/v1/pipeline): the index
-- lets the engine skip what came at another time. Parts written before it are read whole.
ALTER TABLE ${database}.spans${local}${on_cluster}
    ADD INDEX IF NOT EXISTS idx_ingested_at ingested_at TYPE minmax GRANULARITY 1;
