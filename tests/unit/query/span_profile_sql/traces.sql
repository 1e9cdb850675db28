SELECT groupUniqArray(40001)(trace_id)
FROM spans
WHERE timestamp >= fromUnixTimestamp64Nano(1700000000000000001, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(1700003600000000000, 'UTC')
    AND span_id IN splitByChar(' ', '00f067aa0ba902b7 00f067aa0ba902b8')
