SELECT label_text, uniqExact(fingerprint)
FROM (
    SELECT fingerprint, toString(labels['code']) AS label_text
    FROM metric_series
    WHERE metric_name = 'm'
        AND day >= toDate(19675)
        AND day <= toDate(19682)
)
WHERE label_text != ''
GROUP BY label_text
ORDER BY label_text
LIMIT 51
