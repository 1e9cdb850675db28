-- The name of the original design for agent_execution_summary.
CREATE VIEW IF NOT EXISTS ${database}.agent_execution_summary_mv${on_cluster} AS
SELECT * FROM ${database}.agent_execution_summary;
