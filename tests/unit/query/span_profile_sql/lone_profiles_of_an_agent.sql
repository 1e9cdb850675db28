SELECT
    groupArray(profile_id),
    groupArray(toString(agent_name)),
    groupArray(invocation_id),
    groupArray(last_ns - length_ns),
    groupArray(last_ns)
FROM (
    SELECT
        profile_id,
        agent_name,
        invocation_id,
        toInt64(duration_ns) AS length_ns,
        toUnixTimestamp64Nano(timestamp) + if(time_is_received, 0, length_ns) AS last_ns
    FROM cpu_profiles
    WHERE service_name = 'check'
        AND profile_type = 'CPU'
        AND span_id = ''
        AND NOT arrayExists(id -> id != '', samples.span_id)
        AND agent_name IN ('', 'planner')
        AND (agent_name != '' OR (invocation_id != '' AND trace_id = '' AND NOT arrayExists(id -> id != '', samples.trace_id)))
    ORDER BY timestamp DESC, profile_id
    LIMIT 1 BY profile_id
    LIMIT 10001
)
