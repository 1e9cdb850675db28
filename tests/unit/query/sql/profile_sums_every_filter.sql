SELECT
    sum(total),
    sum(abs(total)),
    groupArray(100000)(stack),
    groupArray(100000)(total),
    groupArray(100000)(toString(root_0)),
    groupArray(100000)(toString(root_1)),
    groupArray(100000)(toString(root_2))
FROM
(
    SELECT
        stack,
        sum(sample_values[indexOf(sample_types, 'cpu/nanoseconds')]) AS total,
        service_name AS root_0,
        agent_name AS root_1,
        multiIf(NOT JSONHas(sample_labels, 'it\'s'), labels['it\'s'], JSONType(sample_labels, 'it\'s', 1) = 'Object', JSONExtractRaw(sample_labels, 'it\'s', 1, 'number'), JSONExtractString(sample_labels, 'it\'s', 1)) AS root_2
    FROM (
        SELECT
            profile_id, timestamp, duration_ns, service_name, invocation_id, session_id, trace_id, span_id, agent_name, labels, sample_types, `samples.stack`, `samples.values`, `samples.trace_id`, `samples.span_id`, `samples.label_texts`
        FROM cpu_profiles
        WHERE service_name = 'check\'out'
            AND agent_name = 'planner'
            AND profile_type = 'CPU'
            AND invocation_id = 'i-1'
            AND session_id = 's-1'
            AND (trace_id = '0af7651916cd43dd8448eb211c80319c' OR has(`samples.trace_id`, '0af7651916cd43dd8448eb211c80319c'))
            AND (span_id = '00f067aa0ba902b7' OR has(`samples.span_id`, '00f067aa0ba902b7'))
            AND profile_id IN ['d6c92442aaa37421f34c5289f5139478']
            AND ((mapContains(labels, 'env') AND labels['env'] = 'it\'s') OR arrayExists(text -> arrayExists(item -> if(JSONType(item) = 'Object', JSONExtractRaw(item, 'number'), JSONExtractString(item)) = 'it\'s', JSONExtractArrayRaw(text, 'env')), `samples.label_texts`))
            AND profile_type = 'CPU'
            AND has(sample_types, 'cpu/nanoseconds')
        LIMIT 1 BY profile_id
    )
    ARRAY JOIN
        `samples.stack` AS stack,
        `samples.values` AS sample_values,
        `samples.trace_id` AS sample_trace_id,
        `samples.span_id` AS sample_span_id,
        `samples.label_texts` AS sample_labels
    WHERE (sample_trace_id = '0af7651916cd43dd8448eb211c80319c' OR (sample_trace_id = '' AND trace_id = '0af7651916cd43dd8448eb211c80319c')) AND (sample_span_id = '00f067aa0ba902b7' OR (sample_span_id = '' AND sample_trace_id = '' AND span_id = '00f067aa0ba902b7')) AND if(JSONHas(sample_labels, 'env'), arrayExists(item -> if(JSONType(item) = 'Object', JSONExtractRaw(item, 'number'), JSONExtractString(item)) = 'it\'s', JSONExtractArrayRaw(sample_labels, 'env')), (mapContains(labels, 'env') AND labels['env'] = 'it\'s'))
    GROUP BY stack, root_0, root_1, root_2
    HAVING total != 0
    ORDER BY abs(total) DESC, stack, root_0, root_1, root_2
)
