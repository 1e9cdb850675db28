SELECT
    p.caller_service,
    p.service_name,
    sum(p.calls),
    sum(p.errors),
    sum(p.duration_ns_sum),
    quantilesExactWeightedArray(0.5, 0.95, 0.99)(mapKeys(p.durations), mapValues(p.durations)),
    toString(sum(p.errors))
FROM
(
    SELECT
        caller_service,
        service_name,
        calls,
        errors,
        duration_ns_sum,
        durations
    FROM service_dependency_states FINAL
    WHERE slot >= toDateTime(1700000400, 'UTC')
        AND slot < toDateTime(1700003700, 'UTC')
        AND (caller_service = 'check\'out' OR service_name = 'check\'out')
        AND calls > 0
    UNION ALL
    SELECT
        e.caller_service AS caller_service,
        e.service_name AS service_name,
        count() AS calls,
        countIf(e.status_code = 'ERROR') AS errors,
        sum(toUInt128(e.duration_ns)) AS duration_ns_sum,
        sumMapIf(map(toUInt16(round(log(greatest(e.duration_ns, 1)) * 50)), toUInt64(1)), true) AS durations
    FROM ledger AS e FINAL
    WHERE slot IN [1700000100, 1700003700]
        AND timestamp >= fromUnixTimestamp64Nano(1700000100000000001, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003700000000005, 'UTC')
        AND (caller_service = 'check\'out' OR service_name = 'check\'out')
        AND e.caller_service != ''
    GROUP BY e.caller_service, e.service_name
) AS p
GROUP BY p.caller_service, p.service_name
HAVING sum(p.calls) > 0
    AND (sum(p.errors) > toDecimal128('7', 12) OR (sum(p.errors) = toDecimal128('7', 12) AND (p.caller_service, p.service_name) > ('gateway', 'check\'out')))
ORDER BY sum(p.errors), p.caller_service, p.service_name
LIMIT 51
SETTINGS do_not_merge_across_partitions_select_final = 1, use_index_for_in_with_subqueries_max_values = 100000
