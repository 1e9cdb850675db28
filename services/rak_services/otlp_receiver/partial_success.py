"""What a client is told about items that were rejected."""

from collections.abc import Mapping
from typing import Final

from rak_services.otlp_receiver.prepare import TOO_LARGE

_EXPLANATIONS: Final = {
    "trace_id": "the trace id is not 16 bytes or all zero",
    "span_id": "the span id is not 8 bytes or all zero",
    "parent_span_id": "the parent span id is not 8 bytes",
    "link_id": "a link's trace id is not empty or 16 bytes, or its span id not empty or 8",
    "time_zero": "the time is not set",
    "time_overflow": "the time is beyond the year 2262",
    "time_future": "the time is more than an hour ahead",
    "time_expired": "the time is older than what is kept",
    TOO_LARGE: "larger than a message of the queue",
}


def rejection_message(items: str, accepted: int, rejected: Mapping[str, int]) -> str:
    """Say in a sentence how many items were rejected and why; empty when none was.

    Its length is bounded, since reasons are a closed set: some hundred characters.
    """
    if not rejected:
        return ""
    count = sum(rejected.values())
    reasons = "; ".join(
        f"{number} {reason} ({_EXPLANATIONS.get(reason, reason)})"
        for reason, number in sorted(rejected.items())
    )
    return f"rejected {count} of {accepted + count} {items}: {reasons}"
