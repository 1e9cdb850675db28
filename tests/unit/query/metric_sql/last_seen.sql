SELECT
    metric_name,
    toString(metric_type) AS type_name,
    toString(temporality) AS temporality_name,
    unit,
    max(newest)
FROM (
    SELECT fingerprint, toUnixTimestamp64Nano(max(timestamp)) AS newest
    FROM metric_samples
    WHERE metric_name IN ['a', 'b']
        AND timestamp >= fromUnixTimestamp64Nano(1700000040000000000, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003640000000000, 'UTC')
    GROUP BY fingerprint
    UNION ALL
    SELECT fingerprint, toUnixTimestamp64Nano(max(timestamp)) AS newest
    FROM metric_histograms
    WHERE metric_name IN ['a', 'b']
        AND timestamp >= fromUnixTimestamp64Nano(1700000040000000000, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003640000000000, 'UTC')
    GROUP BY fingerprint
    UNION ALL
    SELECT fingerprint, toUnixTimestamp64Nano(max(timestamp)) AS newest
    FROM metric_exponential_histograms
    WHERE metric_name IN ['a', 'b']
        AND timestamp >= fromUnixTimestamp64Nano(1700000040000000000, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003640000000000, 'UTC')
    GROUP BY fingerprint
    UNION ALL
    SELECT fingerprint, toUnixTimestamp64Nano(max(timestamp)) AS newest
    FROM metric_summaries
    WHERE metric_name IN ['a', 'b']
        AND timestamp >= fromUnixTimestamp64Nano(1700000040000000000, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(1700003640000000000, 'UTC')
    GROUP BY fingerprint
) AS points
INNER JOIN (
    SELECT DISTINCT fingerprint, metric_name, metric_type, temporality, unit
    FROM metric_series
    WHERE metric_name IN ['a', 'b']
        AND day >= toDate(19675)
        AND day <= toDate(19675)
) AS series USING (fingerprint)
GROUP BY metric_name, type_name, temporality_name, unit
