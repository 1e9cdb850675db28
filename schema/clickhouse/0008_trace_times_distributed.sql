-- form: cluster
ALTER TABLE ${database}.trace_times${on_cluster}
    ADD COLUMN IF NOT EXISTS inserted_at DateTime64(3, 'UTC') AFTER end;
