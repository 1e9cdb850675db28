SELECT
    toUnixTimestamp64Nano(max(timestamp)) AS newest,
    profile_id
FROM cpu_profiles
WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
    AND service_name = 'alpha'
    AND inserted_at < fromUnixTimestamp64Milli(1700003600000, 'UTC')
GROUP BY profile_id
HAVING (newest, profile_id) < (1700003600000000000, 'd6c92442aaa37421f34c5289f5139478')
ORDER BY newest DESC, profile_id DESC
LIMIT 51
