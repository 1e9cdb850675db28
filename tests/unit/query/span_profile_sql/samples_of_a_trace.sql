(if(sample_trace_id != '', sample_trace_id, toString(trace_id)) = '0af7651916cd43dd8448eb211c80319c')
(trace_id = '0af7651916cd43dd8448eb211c80319c' OR has(`samples.trace_id`, '0af7651916cd43dd8448eb211c80319c'))
