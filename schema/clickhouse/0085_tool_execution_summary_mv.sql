-- The name of the original design for tool_execution_summary.
CREATE VIEW IF NOT EXISTS ${database}.tool_execution_summary_mv${on_cluster} AS
SELECT * FROM ${database}.tool_execution_summary;
