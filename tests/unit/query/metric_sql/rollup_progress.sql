SELECT toUnixTimestamp64Milli(seen_until), toUnixTimestamp64Nano(complete_until)
FROM derive_progress
WHERE name = 'metric_rollups'
ORDER BY seen_until DESC, complete_until DESC
LIMIT 1
