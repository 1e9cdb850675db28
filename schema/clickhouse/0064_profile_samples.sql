-- Samples of profiles with the names of their frames, one row each: for queries by hand. Programs
-- merge by stack first, and read the frames of what is left.
--
-- The value is that of the profile's sample_type. Trace and span are those that the sample's labels
-- name or, without, the profile's. A condition on service_name or day leaves out the stacks of all
-- others. On a cluster it reads all shards: a stack may lie on another one than its profiles.
CREATE VIEW IF NOT EXISTS ${database}.profile_samples${on_cluster}
(
    profile_id    String,
    timestamp     DateTime64(9, 'UTC'),
    day           Date,
    service_name  LowCardinality(String),
    invocation_id String,
    session_id    String,
    trace_id      String,
    span_id       String,
    span_name     String,
    agent_name    LowCardinality(String),
    profile_type  Enum8('CPU' = 1, 'HEAP' = 2, 'GOROUTINE' = 3, 'BLOCK' = 4, 'MUTEX' = 5, 'ALLOCS' = 6),
    sample_type   LowCardinality(String),
    value         Int64,
    labels        Map(String, String),
    stack         UInt64,
    locations     Array(String)
)
AS SELECT
    profile_id, timestamp, day, service_name, invocation_id, session_id,
    if(sample_trace_id != '', sample_trace_id, profile_trace_id) AS trace_id,
    if(sample_span_id != '', sample_span_id, if(sample_trace_id != '', '', profile_span_id)) AS span_id,
    span_name, agent_name, profile_type, sample_type, value, labels, stack, locations
FROM
(
    SELECT
        profile_id, timestamp, toDate(timestamp) AS day,
        service_name, invocation_id, session_id,
        toString(toStringCutToZero(trace_id)) AS profile_trace_id,
        toString(toStringCutToZero(span_id)) AS profile_span_id,
        sample_trace_id, sample_span_id, span_name,
        agent_name, profile_type, sample_type,
        sample_values[indexOf(sample_types, sample_type)] AS value,
        labels, stack
    FROM ${database}.cpu_profiles
    ARRAY JOIN
        `samples.stack` AS stack,
        `samples.values` AS sample_values,
        `samples.labels` AS labels,
        `samples.trace_id` AS sample_trace_id,
        `samples.span_id` AS sample_span_id,
        `samples.span_name` AS span_name
) AS samples
GLOBAL ANY LEFT JOIN
(
    SELECT day, service_name, stack, locations
    FROM ${database}.profile_stacks
) AS stacks
USING (day, service_name, stack)
COMMENT 'Samples of profiles with the names of their frames';
