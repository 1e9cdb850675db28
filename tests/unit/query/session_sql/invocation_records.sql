(invocation_id = 'it\'s / %2F' OR (invocation_id = '' AND trace_id IN ['0af7651916cd43dd8448eb211c80319c'] AND ((trace_id, span_id) IN (SELECT trace_id, span_id FROM spans WHERE invocation_id = 'it\'s / %2F') OR (trace_id, span_id) IN (SELECT trace_id, span_id FROM ledger FINAL WHERE trace_id IN ['0af7651916cd43dd8448eb211c80319c']
        AND slot >= toDateTime(1777636800, 'UTC')
        AND slot <= toDateTime(1777640400, 'UTC')
        AND invocation_id = 'it\'s / %2F'))))
