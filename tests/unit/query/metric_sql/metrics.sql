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
GROUP BY metric_name, type_name, temporality_name, unit
ORDER BY metric_name, type_name, temporality_name, unit
LIMIT 51
