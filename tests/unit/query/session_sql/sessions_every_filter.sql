SELECT
    session_id,
    sum(input_tokens + output_tokens + unsplit_tokens) AS sorted_by,
    toString(sorted_by)
FROM trace_totals FINAL
WHERE session_id != ''
    AND timestamp >= fromUnixTimestamp64Nano(1777636800000000001, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(1777640400000000000, 'UTC')
    AND session_id GLOBAL IN (SELECT session_id FROM ledger FINAL WHERE slot >= toDateTime(1777636800, 'UTC')
        AND slot <= toDateTime(1777640400, 'UTC')
        AND timestamp >= fromUnixTimestamp64Nano(1777636800000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1777640400000000000, 'UTC')
        AND trace_id = '0af7651916cd43dd8448eb211c80319c'
        AND service_name = 's'
        AND span_name = 'n'
        AND span_kind = 'CLIENT'
        AND status_code = 'ERROR'
        AND agent_name = 'a'
        AND session_id = 'it\'s / %2F'
        AND invocation_id = 'i'
        AND user_id = 'u'
        AND llm_model = 'meta-llama/Llama-3.1-70B'
        AND tool_name = 't'
        AND duration_ns >= 1
        AND duration_ns <= 2
        AND (trace_id, span_id) IN (SELECT trace_id, span_id FROM spans WHERE timestamp >= fromUnixTimestamp64Nano(1777636800000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1777640400000000000, 'UTC')
        AND trace_id = '0af7651916cd43dd8448eb211c80319c'
        AND service_name = 's'
        AND span_name = 'n'
        AND span_kind = 'CLIENT'
        AND status_code = 'ERROR'
        AND ((mapContains(attributes_string, 'k') AND attributes_string['k'] = '1') OR (mapContains(attributes_int, 'k') AND attributes_int['k'] = 1))
        AND (if(length(span_name) = lengthUTF8(span_name), positionCaseInsensitive(span_name, caseFoldUTF8('text')), position(caseFoldUTF8(toValidUTF8(span_name)), caseFoldUTF8('text'))) > 0 OR if(length(status_message) = lengthUTF8(status_message), positionCaseInsensitive(status_message, caseFoldUTF8('text')), position(caseFoldUTF8(toValidUTF8(status_message)), caseFoldUTF8('text'))) > 0 OR arrayExists(value -> if(length(value) = lengthUTF8(value), positionCaseInsensitive(value, caseFoldUTF8('text')), position(caseFoldUTF8(toValidUTF8(value)), caseFoldUTF8('text'))) > 0, mapValues(attributes_string)))))
GROUP BY session_id
HAVING true
ORDER BY sorted_by DESC, session_id DESC
LIMIT 51
SETTINGS do_not_merge_across_partitions_select_final = 1
