"""What each summary of the ledger sums up, as SQL over entries.

`rak-derive` fills the tables of `rak_libs.model.ledger` with it, and the query service computes
with it what those tables do not have, so that both give the same numbers. Expressions name the
ledger `e`: FROM ledger AS e FINAL.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rak_libs.model.ledger import (
    AGENT_STATES,
    BUCKETS_OF_E,
    DEPENDENCY_STATES,
    LLM_STATES,
    TOKEN_KINDS,
    TOOL_STATES,
)
from rak_libs.model.table import Table


@dataclass(frozen=True, slots=True)
class Summary:
    """How one table is made of the ledger.

    Attributes:
        table: Its rows are one for each `slot` and `keys`.
        keys: Columns of the ledger, by their names there.
        entries: The condition of an entry that is summed up.
        values: The aggregate of each further column but `seen_until`, in the table's order.
    """

    table: Table
    keys: tuple[str, ...]
    entries: str
    values: Mapping[str, str]


def _buckets(nanoseconds: str, call: str) -> str:
    bucket = f"toUInt16(round(log(greatest({nanoseconds}, 1)) * {BUCKETS_OF_E}))"
    return f"sumMapIf(map({bucket}, toUInt64(1)), {call})"


def _of_calls(call: str) -> dict[str, str]:
    return {
        "calls": f"countIf({call})",
        "errors": f"countIf({call} AND e.status_code = 'ERROR')",
        "retries": f"countIf({call} AND e.retry)",
        "duration_ns_sum": f"sumIf(toUInt128(e.duration_ns), {call})",
        "durations": _buckets("e.duration_ns", call),
        "resource_cpu_micros": f"sumIf(e.resource_cpu_micros, {call})",
        "resource_memory_bytes": f"sumIf(e.resource_memory_bytes, {call})",
        "resource_memory_peak": f"maxIf(e.resource_memory_peak, {call})",
    }


def _of_spending(prefix: str = "") -> dict[str, str]:
    return {name: f"sum(e.{prefix}{name})" for name in (*TOKEN_KINDS, "cost", "unpriced_tokens")}


_ENTRIES: Final = {"entries": "count()"}
_SEEN: Final = {"last_seen": "max(e.timestamp)"}

_AGENT_RUN: Final = "e.counted AND e.operation = 'agent'"
_LLM_CALL: Final = "e.counted AND e.operation IN ('llm', 'embedding')"
_TOOL_CALL: Final = "e.counted AND e.operation = 'tool'"
_FIRST_TOKEN: Final = f"{_LLM_CALL} AND e.time_to_first_token_ns > 0"

AGENTS: Final = Summary(
    AGENT_STATES,
    ("service_name", "agent_name"),
    "true",
    {**_ENTRIES, **_of_calls(_AGENT_RUN), **_of_spending(), **_SEEN},
)
MODELS: Final = Summary(
    LLM_STATES,
    ("service_name", "agent_name", "llm_model", "llm_system"),
    "(e.llm_model != '' OR e.operation IN ('llm', 'embedding')"
    f" OR greatest({', '.join(f'e.{kind}' for kind in TOKEN_KINDS)}) > 0)",
    {
        **_ENTRIES,
        **_of_calls(_LLM_CALL),
        "first_token_calls": f"countIf({_FIRST_TOKEN})",
        "first_token_ns_sum": f"sumIf(toUInt128(e.time_to_first_token_ns), {_FIRST_TOKEN})",
        "first_tokens": _buckets("e.time_to_first_token_ns", _FIRST_TOKEN),
        "finish_reasons": "sumMapIf(map(e.finish_reason, toUInt64(1)),"
        f" {_LLM_CALL} AND e.finish_reason != '')",
        **_of_spending(),
        "unpriced_calls": f"countIf({_LLM_CALL} AND e.unpriced_tokens > 0)",
        **_SEEN,
    },
)
TOOLS: Final = Summary(
    TOOL_STATES,
    ("service_name", "agent_name", "tool_name"),
    f"({_TOOL_CALL})",
    {**_ENTRIES, **_of_calls(_TOOL_CALL), **_of_spending("total_"), **_SEEN},
)
DEPENDENCIES: Final = Summary(
    DEPENDENCY_STATES,
    ("caller_service", "service_name"),
    "e.caller_service != ''",
    {
        "calls": "count()",
        "errors": "countIf(e.status_code = 'ERROR')",
        "duration_ns_sum": "sum(toUInt128(e.duration_ns))",
        "durations": _buckets("e.duration_ns", "true"),
        **_SEEN,
    },
)

SUMMARIES: Final = (AGENTS, MODELS, TOOLS, DEPENDENCIES)
"""One for each of `rak_libs.model.ledger.SUMMARY_STATES`, in its order."""
