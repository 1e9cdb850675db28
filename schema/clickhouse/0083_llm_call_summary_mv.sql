-- The name of the original design for llm_call_summary.
CREATE VIEW IF NOT EXISTS ${database}.llm_call_summary_mv${on_cluster} AS
SELECT * FROM ${database}.llm_call_summary;
