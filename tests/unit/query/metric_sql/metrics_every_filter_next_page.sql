SELECT
    metric_name,
    toString(metric_type) AS type_name,
    toString(temporality) AS temporality_name,
    unit,
    argMax(description, (seen_at, description)),
    arraySort(groupUniqArray(service_name)),
    uniqExact(fingerprint),
    toInt64(toUInt16(max(day))) * 86400000000000
FROM metric_series
WHERE day >= toDate(19675)
    AND day <= toDate(19682)
    AND startsWith(metric_name, 'ht\'tp')
    AND positionCaseInsensitive(metric_name, 'req') > 0
    AND service_name = 'alpha'
    AND (metric_name, toString(metric_type), toString(temporality), unit) > ('m', 'GAUGE', 'UNSPECIFIED', 'By')
GROUP BY metric_name, type_name, temporality_name, unit
ORDER BY metric_name, type_name, temporality_name, unit
LIMIT 51
