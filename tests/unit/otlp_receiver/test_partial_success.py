from collections.abc import Callable
from typing import Any, cast

import pytest

from rak_services.otlp_receiver.partial_success import (
    _REJECTIONS,
    _WARNINGS,
    partial_success_message,
)
from rak_services.otlp_receiver.signals import Signal, logs, metrics, traces


def test_nothing_is_said_when_everything_was_taken_as_sent() -> None:
    assert partial_success_message("spans", 5, {}, {}) == ""
    assert not traces(30).response(0, "").HasField("partial_success")  # type: ignore[attr-defined]


def test_every_reason_is_named_with_its_count() -> None:
    message = partial_success_message("spans", 7, {"time_zero": 2, "span_id": 1}, {})
    assert message == (
        "rejected 3 of 10 spans: "
        "1 span_id (the span id is not 8 bytes or all zero); 2 time_zero (the time is not set)"
    )


def test_the_longest_message_stays_short() -> None:
    """With the reasons of all signals at once, which no request can have."""
    rejected = dict.fromkeys(_REJECTIONS, 10**9)
    warnings = dict.fromkeys(_WARNINGS, 10**9)
    assert len(partial_success_message("spans", 10**9, rejected, warnings)) < 1500


def test_a_change_is_told_without_a_rejection() -> None:
    message = partial_success_message("spans", 3, {}, {"end_before_start": 2})
    assert message == (
        "changed 2 spans: "
        "2 end_before_start (the end is before the start; the duration is stored as 0)"
    )
    response = traces(30).response(0, message)
    assert response.partial_success.rejected_spans == 0  # type: ignore[attr-defined]
    assert response.partial_success.error_message == message  # type: ignore[attr-defined]


def test_rejections_come_before_changes() -> None:
    message = partial_success_message("spans", 2, {"span_id": 1}, {"end_before_start": 1})
    assert message.startswith("rejected 1 of 3 spans: ")
    assert ". changed 1 spans: " in message


def test_metrics_that_cannot_be_read_are_told_apart_from_changes() -> None:
    warnings = {"exemplar_id_length": 2, "metric_data": 3}
    assert partial_success_message("data points", 9, {}, warnings) == (
        "changed 2 data points: 2 exemplar_id_length (an exemplar's trace or span id is not 16 or "
        "8 bytes; stored without it). left out 3 metrics without data of a known type"
    )


@pytest.mark.parametrize(
    ("signal", "field"),
    [
        (traces, "rejected_spans"),
        (metrics, "rejected_data_points"),
        (logs, "rejected_log_records"),
    ],
)
def test_each_signal_tells_the_count_in_its_own_field(
    signal: Callable[[int], Signal], field: str
) -> None:
    response: Any = signal(30).response(7, "why")
    assert getattr(response.partial_success, field) == 7
    assert response.partial_success.error_message == "why"
    assert not cast("Any", signal(30).response(0, "")).HasField("partial_success")
