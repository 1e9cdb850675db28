SELECT
    trace_id,
    max(inserted_at) < (SELECT max(seen_until) FROM derive_progress WHERE name = 'ledger')
FROM trace_times
WHERE trace_id IN ['0af7651916cd43dd8448eb211c80319c']
GROUP BY trace_id
