SELECT
    uniqExact(trace_id, span_id),
    uniqExactIf((trace_id, span_id), status_code = 'ERROR'),
    toUnixTimestamp64Nano(min(timestamp)),
    toUnixTimestamp64Nano(max(end_timestamp)),
    groupUniqArray(10001)(trace_id),
    groupUniqArray(service_name)
FROM spans
WHERE invocation_id = 'it\'s / %2F'
