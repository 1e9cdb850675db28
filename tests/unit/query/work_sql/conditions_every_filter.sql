slot >= toDateTime(1700000100, 'UTC')
    AND slot <= toDateTime(1700003700, 'UTC')
    AND timestamp >= fromUnixTimestamp64Nano(1700000100000000001, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(1700003700000000005, 'UTC')
    AND trace_id = '0af7651916cd43dd8448eb211c80319c'
    AND service_name = 'check\'out'
    AND span_name = 'GET /'
    AND span_kind = 'SERVER'
    AND status_code = 'ERROR'
    AND agent_name = 'planner'
    AND session_id = 's-1'
    AND invocation_id = 'i-1'
    AND user_id = 'ann'
    AND llm_model = 'meta-llama/Llama-3.1-70B'
    AND tool_name = 'search'
    AND duration_ns >= 250000000
    AND duration_ns <= 5000000000
    AND (trace_id, span_id) IN (SELECT trace_id, span_id FROM spans WHERE timestamp >= fromUnixTimestamp64Nano(1700000100000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003700000000005, 'UTC')
        AND trace_id = '0af7651916cd43dd8448eb211c80319c'
        AND service_name = 'check\'out'
        AND span_name = 'GET /'
        AND span_kind = 'SERVER'
        AND status_code = 'ERROR'
        AND ((mapContains(attributes_string, 'text') AND attributes_string['text'] = 'it\'s'))
        AND ((mapContains(attributes_string, 'whole') AND attributes_string['whole'] = '42') OR (mapContains(attributes_int, 'whole') AND attributes_int['whole'] = 42))
        AND (if(length(span_name) = lengthUTF8(span_name), positionCaseInsensitive(span_name, caseFoldUTF8('time out')), position(caseFoldUTF8(toValidUTF8(span_name)), caseFoldUTF8('time out'))) > 0 OR if(length(status_message) = lengthUTF8(status_message), positionCaseInsensitive(status_message, caseFoldUTF8('time out')), position(caseFoldUTF8(toValidUTF8(status_message)), caseFoldUTF8('time out'))) > 0 OR arrayExists(value -> if(length(value) = lengthUTF8(value), positionCaseInsensitive(value, caseFoldUTF8('time out')), position(caseFoldUTF8(toValidUTF8(value)), caseFoldUTF8('time out'))) > 0, mapValues(attributes_string))))
