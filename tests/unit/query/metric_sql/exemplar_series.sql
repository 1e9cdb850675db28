SELECT fingerprint, toString(any(metric_type)), any(unit), any(service_name), any(labels)
FROM metric_series
WHERE metric_name = 'm'
    AND fingerprint IN [1, 18446744073709551615]
GROUP BY fingerprint
