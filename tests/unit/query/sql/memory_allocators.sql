SELECT
    location,
    filename,
    line,
    count(),
    sum(size) AS all_size,
    sum(number) AS all_count,
    sum(current_size) AS all_current_size,
    sum(current_number) AS all_current_count,
    max(current_size)
FROM
(
    SELECT
        `allocations.location`,
        `allocations.filename`,
        `allocations.line`,
        `allocations.size`,
        `allocations.count`,
        `allocations.current_size`,
        `allocations.current_count`
    FROM memory_profiles
    WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
        AND service_name = 'alpha'
        AND agent_name = 'planner'
        AND invocation_id = 'i-1'
        AND session_id = 's-1'
        AND inserted_at < fromUnixTimestamp64Milli(1700003600000, 'UTC')
    LIMIT 1 BY profile_id
)
ARRAY JOIN
    `allocations.location` AS location,
    `allocations.filename` AS filename,
    `allocations.line` AS line,
    `allocations.size` AS size,
    `allocations.count` AS number,
    `allocations.current_size` AS current_size,
    `allocations.current_count` AS current_number
GROUP BY location, filename, line
ORDER BY all_current_size DESC, location, filename, line
LIMIT 50
