SELECT
    toUnixTimestamp64Nano(max(timestamp)) AS newest,
    profile_id
FROM cpu_profiles
WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
    AND service_name = 'check\'out'
    AND agent_name = 'planner'
    AND profile_type = 'CPU'
    AND invocation_id = 'i-1'
    AND session_id = 's-1'
    AND (trace_id = '0af7651916cd43dd8448eb211c80319c' OR has(`samples.trace_id`, '0af7651916cd43dd8448eb211c80319c'))
    AND (span_id = '00f067aa0ba902b7' OR has(`samples.span_id`, '00f067aa0ba902b7'))
    AND profile_id IN ['d6c92442aaa37421f34c5289f5139478']
    AND ((mapContains(labels, 'env') AND labels['env'] = 'it\'s') OR arrayExists(text -> arrayExists(item -> if(JSONType(item) = 'Object', JSONExtractRaw(item, 'number'), JSONExtractString(item)) = 'it\'s', JSONExtractArrayRaw(text, 'env')), `samples.label_texts`))
    AND inserted_at < fromUnixTimestamp64Milli(1700003600000, 'UTC')
GROUP BY profile_id
HAVING true
ORDER BY newest DESC, profile_id DESC
LIMIT 51
