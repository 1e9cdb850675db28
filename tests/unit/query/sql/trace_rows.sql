SELECT
    trace_id,
    argMin(service_name, (parent_span_id != '', timestamp, span_id)),
    argMin(span_name, (parent_span_id != '', timestamp, span_id)),
    uniqExact(span_id, timestamp, duration_ns, service_name, span_name, span_kind),
    uniqExactIf((span_id, timestamp, duration_ns, service_name, span_name, span_kind), status_code = 'ERROR'),
    arraySort(groupUniqArray(service_name)),
    arraySort(groupUniqArrayIf(agent_name, agent_name != ''))
FROM spans
WHERE trace_id IN ['0af7651916cd43dd8448eb211c80319c', 'ffffffffffffffffffffffffffffffff']
    AND timestamp >= fromUnixTimestamp64Nano(1700000000000000000, 'UTC')
    AND timestamp <= fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
GROUP BY trace_id
