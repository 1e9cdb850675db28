false
arrayExists((sample_trace_id, sample_span_id) -> false, `samples.trace_id`, `samples.span_id`)
