"""The one place where filters on log records become SQL text."""

from typing import Final

from rak_services.query.logs.requests import RecordFilters
from rak_services.query.span_conditions import Conditions, add_attribute_filters

_EQUAL_COLUMNS: Final = {
    "service": "service_name",
    "event": "event_name",
    "agent": "agent_name",
    "session": "session_id",
    "invocation": "invocation_id",
    "user": "user_id",
    "model": "llm_model",
    "tool": "tool_name",
    "trace_id": "trace_id",
    "span_id": "span_id",
}
"""The column that each plain filter compares with, by parameter."""

_LIKE_ESCAPES: Final = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})


def add_record_filters(conditions: Conditions, filters: RecordFilters) -> None:
    """Add every filter on a record's own columns; the time range is not among them."""
    for parameter, column in _EQUAL_COLUMNS.items():
        text = getattr(filters, parameter)
        if text is not None:
            conditions.add(f"{column} = %({parameter})s", **{parameter: text})
    if filters.severity is not None:
        conditions.add("severity_number >= %(severity)s", severity=int(filters.severity))
    if filters.q is not None:
        # `body_folded` is the expression of the index. Folding leaves wildcards and their escapes.
        pattern = f"%{filters.q.translate(_LIKE_ESCAPES)}%"
        conditions.add("body_folded LIKE caseFoldUTF8(%(q)s)", q=pattern)
    add_attribute_filters(conditions, filters.attr)
