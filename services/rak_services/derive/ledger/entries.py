"""Rows of the ledger, made of what was found out about a trace."""

from rak_libs.model.ledger import slot_of
from rak_services.derive.ledger.findings import Findings
from rak_services.derive.ledger.rows import Entry
from rak_services.derive.ledger.tokens import NO_TOKENS
from rak_services.derive.ledger.tree import ROOT


def entries_of(findings: Findings, rules_version: int) -> list[Entry]:
    """Return the entries of a trace, in the order of slot and span id.

    Args:
        findings: What was found out.
        rules_version: What the entries say they were made by.
    """
    spans, parents, _ = findings.tree
    entries = []
    for place, span in enumerate(spans):
        parent = parents[place]
        caller = "" if parent == ROOT else spans[parent].service_name
        if caller == span.service_name:
            caller = ""
        if span.operation or caller or findings.tokens.reported[place] is not NO_TOKENS:
            entries.append(_entry(findings, place, caller, rules_version))
    entries.sort(key=_slot_and_span)
    return entries


def _slot_and_span(entry: Entry) -> tuple[int, str]:
    return entry.slot, entry.span_id


def _entry(findings: Findings, place: int, caller_service: str, rules_version: int) -> Entry:
    span = findings.tree.spans[place]
    belonging = findings.belongings[place]
    return Entry(
        slot_of(span.timestamp),
        span.trace_id,
        span.span_id,
        span.parent_span_id,
        span.timestamp,
        span.duration_ns,
        span.service_name,
        caller_service,
        span.span_name,
        span.span_kind,
        span.status_code,
        span.operation,
        int(findings.counted[place]),
        int(place in findings.retries),
        *belonging,
        span.llm_model or span.llm_request_model,
        span.llm_request_model,
        span.llm_system,
        span.tool_name,
        span.finish_reason,
        span.time_to_first_token_ns,
        span.resource_cpu_micros,
        span.resource_memory_bytes,
        span.resource_memory_peak,
        *findings.tokens.own[place],
        *findings.costs[place],
        *findings.tokens.total[place],
        *findings.total_costs[place],
        rules_version,
    )
