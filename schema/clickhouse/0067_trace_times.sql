-- rak-derive looks every few seconds for the traces that the engine took since it last looked: the
-- index leaves out what was stored before. Parts written before it are read whole.
ALTER TABLE ${database}.trace_times${local}${on_cluster}
    ADD INDEX IF NOT EXISTS idx_inserted_at inserted_at TYPE minmax GRANULARITY 1;
