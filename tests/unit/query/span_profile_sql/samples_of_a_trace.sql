if(sample_trace_id != '', sample_trace_id, toString(trace_id)) = '0af7651916cd43dd8448eb211c80319c'
arrayExists((sample_trace_id, sample_span_id) -> if(sample_trace_id != '', sample_trace_id, toString(trace_id)) = '0af7651916cd43dd8448eb211c80319c', `samples.trace_id`, `samples.span_id`)
