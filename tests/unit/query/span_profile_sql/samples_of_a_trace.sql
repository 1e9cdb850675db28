(if(samples.trace_id != '', samples.trace_id, toString(trace_id)) = '0af7651916cd43dd8448eb211c80319c')
