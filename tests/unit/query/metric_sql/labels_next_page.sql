SELECT pair.1 AS label, uniqExact(pair.2), uniqExact(fingerprint)
FROM (
    SELECT fingerprint, arrayJoin(arrayFilter(pair -> pair.2 != '', arrayConcat(CAST(arraySort(arrayZip(mapKeys(labels), mapValues(labels))), 'Array(Tuple(String, String))'), [('service_name', toString(service_name)), ('agent_name', toString(agent_name)), ('user_id', toString(user_id)), ('session_id', toString(session_id)), ('scope_name', toString(scope_name))], arrayMap(pair -> (concat('resource.', pair.1), if(startsWith(pair.2, '"'), JSONExtractString(pair.2), pair.2)), JSONExtractKeysAndValuesRaw(resource_attributes))))) AS pair
    FROM metric_series
    WHERE metric_name = 'm'
        AND day >= toDate(19675)
        AND day <= toDate(19682)
)
WHERE pair.2 != ''
    AND pair.1 > 'code'
GROUP BY label
ORDER BY label
LIMIT 51
