SELECT groupUniqArray(200001)(
    (toString(trace), toString(span), cityHash64(trace, span)))
FROM (
    SELECT DISTINCT
        if(own.1 != '', own.1, toString(trace_id)) AS trace,
        if(own.2 != '' OR own.1 != '', own.2, toString(span_id)) AS span
    FROM cpu_profiles
    ARRAY JOIN arrayDistinct(arrayZip(`samples.trace_id`, `samples.span_id`)) AS own
    WHERE service_name = 'check'
        AND profile_type = 'CPU'
)
WHERE span != ''
