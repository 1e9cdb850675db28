SELECT toUnixTimestamp64Nano(max(last_seen))
FROM llm_call_summary_states
WHERE llm_model = 'meta-llama/Llama-3.1-70B'
    AND entries > 0
