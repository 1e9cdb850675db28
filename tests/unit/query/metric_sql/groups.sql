SELECT type_name, temporality_name, unit_name, group_number, any(group_labels), count()
FROM (
    SELECT
        fingerprint,
        toString(any(metric_type)) AS type_name,
        toString(any(temporality)) AS temporality_name,
        any(unit) AS unit_name,
        any(toUInt64(0)) AS group_number,
        any(CAST([], 'Array(Tuple(String, String))')) AS group_labels
    FROM metric_series
    WHERE metric_name = 'it\'s a metric'
        AND day >= toDate(19675)
        AND day <= toDate(19675)
    GROUP BY fingerprint
)
GROUP BY type_name, temporality_name, unit_name, group_number
LIMIT 101
