SELECT
    metric_name,
    fingerprint,
    toString(any(metric_type)),
    any(unit),
    any(service_name),
    any(labels)
FROM metric_series
WHERE metric_name IN ['m']
    AND fingerprint IN [1, 18446744073709551615]
GROUP BY metric_name, fingerprint
ORDER BY metric_name, fingerprint
LIMIT 2
