SELECT type_name, temporality_name, unit_name, group_number, any(group_labels), count()
FROM (
    SELECT
        fingerprint,
        toString(any(metric_type)) AS type_name,
        toString(any(temporality)) AS temporality_name,
        any(unit) AS unit_name,
        any(cityHash64([('code', toString(labels['code'])), ('service_name', toString(service_name)), ('resource.host.name', toString(if(JSONType(resource_attributes, 'host.name') = 'String', JSONExtractString(resource_attributes, 'host.name'), JSONExtractRaw(resource_attributes, 'host.name')))), ('fingerprint', toString(lower(leftPad(hex(fingerprint), 16, '0'))))])) AS group_number,
        any([('code', toString(labels['code'])), ('service_name', toString(service_name)), ('resource.host.name', toString(if(JSONType(resource_attributes, 'host.name') = 'String', JSONExtractString(resource_attributes, 'host.name'), JSONExtractRaw(resource_attributes, 'host.name')))), ('fingerprint', toString(lower(leftPad(hex(fingerprint), 16, '0'))))]) AS group_labels
    FROM metric_series
    WHERE metric_name = 'it\'s a metric'
        AND day >= toDate(19675)
        AND day <= toDate(19675)
        AND metric_type = 'GAUGE'
        AND unit = 'By'
        AND labels['code'] = '200'
        AND labels['route'] != '/'
        AND match(labels['route'], '^(?s:/a\'.*)$')
        AND NOT match(if(JSONType(resource_attributes, 'host.name') = 'String', JSONExtractString(resource_attributes, 'host.name'), JSONExtractRaw(resource_attributes, 'host.name')), '^(?s:a|b)$')
        AND service_name = 'alpha'
    GROUP BY fingerprint
)
GROUP BY type_name, temporality_name, unit_name, group_number
LIMIT 101
