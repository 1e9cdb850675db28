"""The one place where filters on spans become conditions on the ledger."""

from typing import Final

from rak_libs.model.ledger import slot_of
from rak_services.query.requests import SpanFilters
from rak_services.query.span_conditions import (
    Conditions,
    add_attribute_filters,
    add_text_filter,
    add_time_range,
)

LEDGER_SETTINGS: Final = "SETTINGS do_not_merge_across_partitions_select_final = 1"
"""For every SELECT with FINAL: rows of one key are in one partition of these tables."""

LOOKUP_SETTINGS: Final = f"{LEDGER_SETTINGS}, use_index_for_in_with_subqueries_max_values = 100000"
"""For those that may look up attributes or text in spans: of more spans than that, the engine would
keep each id a second time, to leave out parts of the ledger that it has to read anyway."""

EQUAL_COLUMNS: Final = {
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

_OF_THE_SPAN_ITSELF: Final = ("trace_id", "service", "name", "kind", "status")
"""The plain filters whose columns an entry has from its own span, under the same names."""


def add_ledger_range(conditions: Conditions, since_ns: int | None, until_ns: int | None) -> None:
    """Keep entries of spans that began in `[since_ns, until_ns)`; None is open.

    The slot, which the table is sorted by, is compared too.
    """
    if since_ns is not None:
        conditions.add("slot >= toDateTime(%(since_slot)s, 'UTC')", since_slot=slot_of(since_ns))
    if until_ns is not None:
        conditions.add("slot <= toDateTime(%(until_slot)s, 'UTC')", until_slot=slot_of(until_ns))
    add_time_range(conditions, since_ns, until_ns)


def add_ledger_filters(
    conditions: Conditions, filters: SpanFilters, *, without: frozenset[str] = frozenset()
) -> None:
    """Add every filter as a condition on one entry of the ledger; the time range is not among them.

    Durations are the entry's own. Attributes and free text are looked up in the entry's span: add
    the time range before, which bounds that too.

    Args:
        conditions: Where to add; `since` and `until` may be among its parameters.
        filters: The request's filters.
        without: Parameters that the caller takes care of.
    """
    for parameter, column in EQUAL_COLUMNS.items():
        text = getattr(filters, parameter)
        if text is not None and parameter not in without:
            conditions.add(f"{column} = %({parameter})s", **{parameter: text})
    if filters.min_duration is not None:
        conditions.add("duration_ns >= %(min_duration)s", min_duration=int(filters.min_duration))
    if filters.max_duration is not None:
        conditions.add("duration_ns <= %(max_duration)s", max_duration=int(filters.max_duration))
    if filters.attr.pairs or filters.q is not None:
        _add_span_lookup(conditions, filters, without)


def _add_span_lookup(conditions: Conditions, filters: SpanFilters, without: frozenset[str]) -> None:
    """Keep entries whose span, in the same time range, has the attributes and the text.

    A cluster keeps entries on the shard of their spans, so each shard looks up its own.
    """
    spans = Conditions()
    if "since" in conditions.parameters:
        spans.add("timestamp >= fromUnixTimestamp64Nano(%(since)s, 'UTC')")
    if "until" in conditions.parameters:
        spans.add("timestamp < fromUnixTimestamp64Nano(%(until)s, 'UTC')")
    for parameter in _OF_THE_SPAN_ITSELF:
        if getattr(filters, parameter) is not None and parameter not in without:
            spans.add(f"{EQUAL_COLUMNS[parameter]} = %({parameter})s")
    add_attribute_filters(spans, filters.attr)
    if filters.q is not None:
        add_text_filter(spans, filters.q)
    looked_up = f"SELECT trace_id, span_id FROM spans WHERE {spans.where(' ' * 4)}"  # noqa: S608
    conditions.add(f"(trace_id, span_id) IN ({looked_up})", **spans.parameters)
