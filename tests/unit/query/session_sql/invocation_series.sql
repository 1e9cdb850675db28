SELECT
    metric_name,
    fingerprint,
    toString(any(metric_type)),
    any(unit),
    any(service_name),
    any(labels)
FROM metric_series
WHERE day >= toDate(20574)
    AND day <= toDate(20574)
    AND arrayExists(key -> labels[key] = 'it\'s / %2F', ['invocation_id', 'invocation.id', 'gcp.vertex.agent.invocation_id', 'rak.invocation_id'])
GROUP BY metric_name, fingerprint
ORDER BY metric_name, fingerprint
LIMIT 21
