SELECT
    p.agent_name,
    arraySort(groupUniqArrayArray(p.service_name_list)),
    sum(p.calls),
    sum(p.errors),
    sum(p.duration_ns_sum),
    quantilesExactWeightedArray(0.5, 0.95, 0.99)(mapKeys(p.durations), mapValues(p.durations)),
    sum(p.input_tokens),
    sum(p.output_tokens),
    sum(p.cache_read_tokens),
    sum(p.cache_write_tokens),
    sum(p.reasoning_tokens),
    sum(p.unsplit_tokens),
    sum(p.cost),
    sum(p.unpriced_tokens),
    toString(if(sum(p.calls) = 0, toUInt64(0), toUInt64(intDiv(sum(p.duration_ns_sum), sum(p.calls)))))
FROM
(
    SELECT
        e.agent_name AS agent_name,
        groupUniqArray(e.service_name) AS service_name_list,
        count() AS entries,
        countIf(e.counted AND e.operation = 'agent') AS calls,
        countIf(e.counted AND e.operation = 'agent' AND e.status_code = 'ERROR') AS errors,
        sumIf(toUInt128(e.duration_ns), e.counted AND e.operation = 'agent') AS duration_ns_sum,
        sumMapIf(map(toUInt16(round(log(greatest(e.duration_ns, 1)) * 50)), toUInt64(1)), e.counted AND e.operation = 'agent') AS durations,
        sum(e.input_tokens) AS input_tokens,
        sum(e.output_tokens) AS output_tokens,
        sum(e.cache_read_tokens) AS cache_read_tokens,
        sum(e.cache_write_tokens) AS cache_write_tokens,
        sum(e.reasoning_tokens) AS reasoning_tokens,
        sum(e.unsplit_tokens) AS unsplit_tokens,
        sum(e.cost) AS cost,
        sum(e.unpriced_tokens) AS unpriced_tokens
    FROM ledger AS e FINAL
    WHERE slot >= toDateTime(1700000100, 'UTC')
        AND slot <= toDateTime(1700003700, 'UTC')
        AND timestamp >= fromUnixTimestamp64Nano(1700000100000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003700000000005, 'UTC')
        AND service_name = 'check\'out'
        AND session_id = 's-1'
        AND (trace_id, span_id) IN (SELECT trace_id, span_id FROM spans WHERE timestamp >= fromUnixTimestamp64Nano(1700000100000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003700000000005, 'UTC')
        AND service_name = 'check\'out'
        AND (if(length(span_name) = lengthUTF8(span_name), positionCaseInsensitive(span_name, caseFoldUTF8('refused')), position(caseFoldUTF8(toValidUTF8(span_name)), caseFoldUTF8('refused'))) > 0 OR if(length(status_message) = lengthUTF8(status_message), positionCaseInsensitive(status_message, caseFoldUTF8('refused')), position(caseFoldUTF8(toValidUTF8(status_message)), caseFoldUTF8('refused'))) > 0 OR arrayExists(value -> if(length(value) = lengthUTF8(value), positionCaseInsensitive(value, caseFoldUTF8('refused')), position(caseFoldUTF8(toValidUTF8(value)), caseFoldUTF8('refused'))) > 0, mapValues(attributes_string))))
        AND true
    GROUP BY e.agent_name
) AS p
GROUP BY p.agent_name
HAVING sum(p.entries) > 0
ORDER BY if(sum(p.calls) = 0, toUInt64(0), toUInt64(intDiv(sum(p.duration_ns_sum), sum(p.calls)))), p.agent_name
LIMIT 51
SETTINGS do_not_merge_across_partitions_select_final = 1, use_index_for_in_with_subqueries_max_values = 100000
