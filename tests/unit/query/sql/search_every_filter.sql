WITH inserted_at < fromUnixTimestamp64Milli(1700003600000, 'UTC') AS seen
SELECT
    trace_id,
    toUnixTimestamp64Nano(minIf(start, seen)) AS start_ns,
    toUnixTimestamp64Nano(maxIf(`end`, seen)) - start_ns AS length_ns,
    toUnixTimestamp64Nano(min(start)),
    toUnixTimestamp64Nano(max(`end`))
FROM trace_times
WHERE trace_id IN (
    SELECT trace_id
    FROM spans
    WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
        AND trace_id = '0af7651916cd43dd8448eb211c80319c'
        AND service_name = 'check\'out'
        AND span_name = 'GET /'
        AND span_kind = 'SERVER'
        AND status_code = 'ERROR'
        AND agent_name = 'planner'
        AND session_id = 's-1'
        AND invocation_id = 'i-1'
        AND user_id = 'ann'
        AND llm_model = 'meta-llama/Llama-3'
        AND tool_name = 'search'
        AND (if(length(span_name) = lengthUTF8(span_name), positionCaseInsensitive(span_name, caseFoldUTF8('time out')), position(caseFoldUTF8(toValidUTF8(span_name)), caseFoldUTF8('time out'))) > 0 OR if(length(status_message) = lengthUTF8(status_message), positionCaseInsensitive(status_message, caseFoldUTF8('time out')), position(caseFoldUTF8(toValidUTF8(status_message)), caseFoldUTF8('time out'))) > 0 OR arrayExists(value -> if(length(value) = lengthUTF8(value), positionCaseInsensitive(value, caseFoldUTF8('time out')), position(caseFoldUTF8(toValidUTF8(value)), caseFoldUTF8('time out'))) > 0, mapValues(attributes_string)))
)
GROUP BY trace_id
HAVING countIf(seen) > 0
    AND length_ns >= 250000000
    AND length_ns <= 5000000000
ORDER BY start_ns DESC, trace_id DESC
LIMIT 51
