-- When the engine took each row: what a search has begun to page through is told from what came
-- after it. It ends the sorting key, so rows of different INSERTs are not merged; those stored
-- before this column count as taken in 1970.
ALTER TABLE ${database}.trace_times${local}${on_cluster}
    ADD COLUMN IF NOT EXISTS inserted_at DateTime64(3, 'UTC') CODEC(ZSTD(1)) AFTER end,
    MODIFY ORDER BY (trace_id, inserted_at);
