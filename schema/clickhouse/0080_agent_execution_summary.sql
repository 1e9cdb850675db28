-- Runs of agents by the hour, with finished columns. An agent named '' is work outside any agent. Where
-- unpriced_tokens are not 0, cost is a lower bound.
CREATE VIEW IF NOT EXISTS ${database}.agent_execution_summary${on_cluster} AS
SELECT
    toStartOfHour(s.slot) AS hour,
    s.service_name AS service_name,
    s.agent_name AS agent_name,
    sum(s.calls) AS execution_count,
    if(execution_count = 0, 0, sum(s.duration_ns_sum) / execution_count / 1e9) AS avg_duration_seconds,
    if(execution_count = 0, 0, exp(quantilesExactWeightedArray(0.5, 0.95, 0.99)(mapKeys(s.durations), mapValues(s.durations))[1] / 50) / 1e9) AS p50_duration,
    if(execution_count = 0, 0, exp(quantilesExactWeightedArray(0.5, 0.95, 0.99)(mapKeys(s.durations), mapValues(s.durations))[2] / 50) / 1e9) AS p95_duration,
    if(execution_count = 0, 0, exp(quantilesExactWeightedArray(0.5, 0.95, 0.99)(mapKeys(s.durations), mapValues(s.durations))[3] / 50) / 1e9) AS p99_duration,
    sum(s.errors) AS error_count,
    sum(s.resource_cpu_micros) / 1e6 AS total_cpu_seconds,
    sum(s.resource_memory_bytes) / 1024 / 1024 AS total_memory_mb,
    max(s.resource_memory_peak) / 1024 / 1024 AS peak_memory_mb,
    sum(s.input_tokens) AS input_tokens,
    sum(s.output_tokens) AS output_tokens,
    sum(s.cache_read_tokens) AS cache_read_tokens,
    sum(s.cache_write_tokens) AS cache_write_tokens,
    sum(s.reasoning_tokens) AS reasoning_tokens,
    sum(s.unsplit_tokens) AS unsplit_tokens,
    sum(s.cost) AS cost,
    sum(s.unpriced_tokens) AS unpriced_tokens,
    max(s.last_seen) AS last_seen
FROM ${database}.agent_execution_summary_states AS s FINAL
WHERE s.entries > 0
GROUP BY hour, service_name, agent_name;
