"""What a client is told about items that were rejected, or taken with a change."""

from collections.abc import Mapping
from typing import Final

from rak_libs.otlp.metric_points import MAX_BUCKETS, MAX_SCALE, MIN_SCALE
from rak_services.otlp_receiver.prepare import TOO_LARGE

_REJECTIONS: Final = {
    "trace_id": "the trace id is not 16 bytes or all zero",
    "span_id": "the span id is not 8 bytes or all zero",
    "parent_span_id": "the parent span id is not 8 bytes",
    "link_id": "a link's trace id is not empty or 16 bytes, or its span id not empty or 8",
    "metric_name": "the metric has no name",
    "bucket_counts": "the bucket counts are not one more than the bounds",
    "explicit_bounds": "the bounds do not increase, or one is NaN",
    "negative_count": "a count is above 2^63-1, which is negative without its sign",
    "too_many_buckets": f"more than {MAX_BUCKETS:,} buckets",
    "scale": f"the scale is not from {MIN_SCALE} to {MAX_SCALE}",
    "quantile": "a quantile is not from 0 to 1",
    "time_zero": "the time is not set",
    "time_overflow": "the time is beyond the year 2262",
    "time_future": "the time is more than an hour ahead",
    "time_expired": "the time is older than what is kept",
    TOO_LARGE: "larger than a message of the queue",
}
_WARNINGS: Final = {
    "end_before_start": "the end is before the start; the duration is stored as 0",
    "trace_id_length": "the trace id is not 16 bytes; stored without it",
    "span_id_length": "the span id is not 8 bytes; stored without it",
    "exemplar_id_length": "an exemplar's trace or span id is not 16 or 8 bytes; stored without it",
}
_UNREADABLE: Final = "metric_data"


def partial_success_message(
    items: str, accepted: int, rejected: Mapping[str, int], warnings: Mapping[str, int]
) -> str:
    """Say in a sentence what became of which items and why; empty when all were taken as sent.

    Its length is bounded, since reasons are closed sets: some hundred characters.
    """
    sentences = []
    if rejected:
        count = sum(rejected.values())
        reasons = _with_reasons(rejected, _REJECTIONS)
        sentences.append(f"rejected {count} of {accepted + count} {items}: {reasons}")
    changed = {reason: number for reason, number in warnings.items() if reason != _UNREADABLE}
    if changed:
        reasons = _with_reasons(changed, _WARNINGS)
        sentences.append(f"changed {sum(changed.values())} {items}: {reasons}")
    if _UNREADABLE in warnings:
        sentences.append(f"left out {warnings[_UNREADABLE]} metrics without data of a known type")
    return ". ".join(sentences)


def _with_reasons(numbers: Mapping[str, int], explanations: Mapping[str, str]) -> str:
    return "; ".join(
        f"{number} {reason} ({explanations.get(reason, reason)})"
        for reason, number in sorted(numbers.items())
    )
