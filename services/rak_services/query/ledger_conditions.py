"""The one place where filters on spans become conditions on the ledger."""

from typing import Final

from rak_services.query.requests import SpanFilters
from rak_services.query.span_conditions import Conditions, add_attribute_filters, add_text_filter

LEDGER_SETTINGS: Final = "SETTINGS do_not_merge_across_partitions_select_final = 1"
"""For every SELECT from a table of the ledger with FINAL: rows of one key are of one day."""

_EQUAL_COLUMNS: Final = {
    "trace_id": "trace_id",
    "service": "service_name",
    "name": "span_name",
    "kind": "span_kind",
    "status": "status_code",
    "agent": "agent_name",
    "session": "session_id",
    "invocation": "invocation_id",
    "user": "user_id",
    "model": "llm_model",
    "tool": "tool_name",
}
"""The column of the ledger that each plain filter compares with, by parameter. An entry belongs to
the agent, session, user and invocation of the spans above it too."""


def add_ledger_range(conditions: Conditions, since_ns: int | None, until_ns: int | None) -> None:
    """Keep entries of spans that began in `[since_ns, until_ns)`; None is open.

    The slot, which the table is sorted by, is compared too.
    """
    if since_ns is not None:
        conditions.add(
            "(slot >= toStartOfFiveMinutes(fromUnixTimestamp64Nano(%(since)s, 'UTC'))"
            " AND timestamp >= fromUnixTimestamp64Nano(%(since)s, 'UTC'))",
            since=since_ns,
        )
    if until_ns is not None:
        conditions.add(
            "(slot <= toStartOfFiveMinutes(fromUnixTimestamp64Nano(%(until)s, 'UTC'))"
            " AND timestamp < fromUnixTimestamp64Nano(%(until)s, 'UTC'))",
            until=until_ns,
        )


def add_ledger_filters(
    conditions: Conditions, filters: SpanFilters, *, without: frozenset[str] = frozenset()
) -> None:
    """Add every filter as a condition on one entry of the ledger; the time range is not among them.

    Durations are the entry's own. Attributes and free text are looked up in the entry's span.

    Args:
        conditions: Where to add; `since` and `until` may be among its parameters.
        filters: The request's filters.
        without: Parameters that the caller takes care of.
    """
    for parameter, column in _EQUAL_COLUMNS.items():
        text = getattr(filters, parameter)
        if text is not None and parameter not in without:
            conditions.add(f"{column} = %({parameter})s", **{parameter: text})
    if filters.min_duration is not None:
        conditions.add("duration_ns >= %(min_duration)s", min_duration=filters.min_duration)
    if filters.max_duration is not None:
        conditions.add("duration_ns <= %(max_duration)s", max_duration=filters.max_duration)
    if filters.attr.pairs or filters.q is not None:
        _add_span_lookup(conditions, filters)


def _add_span_lookup(conditions: Conditions, filters: SpanFilters) -> None:
    """Keep entries whose span, in the same time range, has the attributes and the text."""
    spans = Conditions()
    if "since" in conditions.parameters:
        spans.add("timestamp >= fromUnixTimestamp64Nano(%(since)s, 'UTC')")
    if "until" in conditions.parameters:
        spans.add("timestamp < fromUnixTimestamp64Nano(%(until)s, 'UTC')")
    if filters.service is not None:
        spans.add("service_name = %(service)s")
    add_attribute_filters(spans, filters.attr)
    if filters.q is not None:
        add_text_filter(spans, filters.q)
    looked_up = f"SELECT trace_id, span_id FROM spans WHERE {spans.where()}"  # noqa: S608 - bound
    conditions.add(f"(trace_id, span_id) GLOBAL IN ({looked_up})", **spans.parameters)
