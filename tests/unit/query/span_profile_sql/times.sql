SELECT toUnixTimestamp64Nano(min(start)), toUnixTimestamp64Nano(max(`end`))
FROM trace_times
WHERE trace_id IN splitByChar(' ', '0af7651916cd43dd8448eb211c80319c')
