SELECT
    p.caller_service,
    p.service_name,
    sum(p.calls),
    toString(sum(p.calls))
FROM
(
    SELECT
        e.caller_service AS caller_service,
        e.service_name AS service_name,
        count() AS calls
    FROM ledger AS e FINAL
    WHERE slot >= toDateTime(1700000100, 'UTC')
        AND slot <= toDateTime(1700003700, 'UTC')
        AND timestamp >= fromUnixTimestamp64Nano(1700000100000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003700000000005, 'UTC')
        AND (caller_service = 'pay' OR service_name = 'pay')
        AND user_id = 'ann'
        AND (trace_id, span_id) IN (SELECT trace_id, span_id FROM spans WHERE timestamp >= fromUnixTimestamp64Nano(1700000100000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003700000000005, 'UTC')
        AND (if(length(span_name) = lengthUTF8(span_name), positionCaseInsensitive(span_name, caseFoldUTF8('x')), position(caseFoldUTF8(toValidUTF8(span_name)), caseFoldUTF8('x'))) > 0 OR if(length(status_message) = lengthUTF8(status_message), positionCaseInsensitive(status_message, caseFoldUTF8('x')), position(caseFoldUTF8(toValidUTF8(status_message)), caseFoldUTF8('x'))) > 0 OR arrayExists(value -> if(length(value) = lengthUTF8(value), positionCaseInsensitive(value, caseFoldUTF8('x')), position(caseFoldUTF8(toValidUTF8(value)), caseFoldUTF8('x'))) > 0, mapValues(attributes_string))))
        AND e.caller_service != ''
    GROUP BY e.caller_service, e.service_name
) AS p
GROUP BY p.caller_service, p.service_name
HAVING sum(p.calls) > 0
ORDER BY sum(p.calls) DESC, p.caller_service, p.service_name
LIMIT 51
SETTINGS do_not_merge_across_partitions_select_final = 1, use_index_for_in_with_subqueries_max_values = 100000
