-- As many remembered INSERTs as the table that feeds it.
ALTER TABLE ${database}.trace_times${local}${on_cluster}
    MODIFY SETTING
        non_replicated_deduplication_window = 10000,
        replicated_deduplication_window = 10000,
        replicated_deduplication_window_seconds = 604800;
