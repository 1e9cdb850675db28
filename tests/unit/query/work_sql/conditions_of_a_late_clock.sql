slot >= toDateTime(4294967100, 'UTC')
    AND slot <= toDateTime(4294967100, 'UTC')
    AND timestamp >= fromUnixTimestamp64Nano(9223372036854775806, 'UTC')
    AND timestamp < fromUnixTimestamp64Nano(9223372036854775807, 'UTC')
