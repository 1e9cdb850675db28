SELECT label_text, uniqExact(fingerprint)
FROM (
    SELECT fingerprint, toString(if(JSONType(resource_attributes, 'host.name') = 'String', JSONExtractString(resource_attributes, 'host.name'), JSONExtractRaw(resource_attributes, 'host.name'))) AS label_text
    FROM metric_series
    WHERE metric_name = 'm'
        AND day >= toDate(19675)
        AND day <= toDate(19682)
)
WHERE label_text != ''
    AND label_text > 'a'
GROUP BY label_text
ORDER BY label_text
LIMIT 51
