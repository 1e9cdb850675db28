"""What the ledger is computed from and what it is made of, as tuples.

A tuple's fields are columns, in the order in which they are read and written.
"""

from typing import NamedTuple


class SpanFacts(NamedTuple):
    """What the ledger needs of one row of the spans table, brought to the current rules.

    Ids are lower-case hex, '' for none; times are unix nanoseconds, `ingested_at` milliseconds;
    kind and status are the names that the table stores.
    """

    trace_id: str
    span_id: str
    parent_span_id: str
    timestamp: int
    duration_ns: int
    service_name: str
    span_name: str
    span_kind: str
    status_code: str
    operation: str
    invocation_id: str
    session_id: str
    user_id: str
    conversation_id: str
    agent_name: str
    llm_model: str
    llm_request_model: str
    llm_response_model: str
    llm_system: str
    tool_name: str
    finish_reason: str
    time_to_first_token_ns: int
    resource_cpu_micros: int
    resource_memory_bytes: int
    resource_memory_peak: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    token_count: int
    scope_name: str
    ingested_at: int
    llm_response_id: str = ""
    scope_version: str = ""


class Entry(NamedTuple):
    """A row of `LEDGER` without its version: see `rak_libs.model.ledger`.

    `slot` is in unix seconds, `timestamp` in nanoseconds; costs are whole numbers of 10^-12 US
    dollars (`COST_SCALE`).
    """

    slot: int
    trace_id: str
    span_id: str
    parent_span_id: str
    timestamp: int
    duration_ns: int
    service_name: str
    caller_service: str
    span_name: str
    span_kind: str
    status_code: str
    operation: str
    counted: int
    retry: int
    invocation_id: str
    session_id: str
    user_id: str
    conversation_id: str
    agent_name: str
    llm_model: str
    llm_request_model: str
    llm_system: str
    tool_name: str
    finish_reason: str
    time_to_first_token_ns: int
    resource_cpu_micros: int
    resource_memory_bytes: int
    resource_memory_peak: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    unsplit_tokens: int
    cost: int
    unpriced_tokens: int
    total_input_tokens: int
    total_output_tokens: int
    total_cache_read_tokens: int
    total_cache_write_tokens: int
    total_reasoning_tokens: int
    total_unsplit_tokens: int
    total_cost: int
    total_unpriced_tokens: int
    rules_version: int


class TraceTotal(NamedTuple):
    """A row of `TRACE_TOTALS` without its version; units as in `Entry`.

    `services`, `agents`, `models` and `tools` are sorted, without duplicates and without ''.
    """

    trace_id: str
    session_id: str
    user_id: str
    timestamp: int
    end_timestamp: int
    root_service: str
    root_name: str
    spans: int
    errors: int
    services: tuple[str, ...]
    agents: tuple[str, ...]
    models: tuple[str, ...]
    tools: tuple[str, ...]
    agent_runs: int
    llm_calls: int
    tool_calls: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    unsplit_tokens: int
    cost: int
    unpriced_tokens: int
    rules_version: int
