SELECT toUnixTimestamp64Milli(max(at))
FROM pipeline
WHERE hour >= fromUnixTimestamp64Nano(1699999200000000000, 'UTC')
    AND outcome IN ('running', 'ended', 'position')
