"""The checks that every data point must pass before it is published and before it is stored.

The rules of the points themselves are in `rak_libs.otlp.metric_points`.
"""

from collections.abc import Sequence
from typing import Any, Final

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

from rak_libs.model.time_window import TimeWindow
from rak_libs.otlp.item_kind import Divided, ItemKind
from rak_libs.otlp.metric_points import all_pass, point_reason
from rak_libs.otlp.verdict import Verdict
from rak_libs.otlp.wire import POINTS_OF_METRICS

EXEMPLAR_TRACE_ID_LENGTHS: Final = frozenset({0, 16})
EXEMPLAR_SPAN_ID_LENGTHS: Final = frozenset({0, 8})
"""Lengths of an exemplar's ids that are stored; one of another length is stored as absent."""

_POINTS: Final = "data_points"


def data_points(metric: Metric) -> Any:
    """Return the repeated field of a metric's points, whatever their kind.

    A metric without data, or with data of a kind that this version does not know, has none: ().
    """
    kind = metric.WhichOneof("data")
    return () if kind is None else getattr(metric, kind).data_points


def _check_metrics(metrics: Any, window: TimeWindow, verdict: Verdict) -> None:
    kept = [metric for metric in metrics if _check_metric(metric, window, verdict)]
    if len(kept) < len(metrics):
        del metrics[:]
        metrics.extend(kept)


def _check_metric(metric: Metric, window: TimeWindow, verdict: Verdict) -> bool:
    """Remove what cannot be stored; tell whether the metric itself is to stay."""
    kind = metric.WhichOneof("data")
    if kind is None:
        verdict.warn("metric_data")
        return True
    points = getattr(metric, kind).data_points
    stays = True
    if not metric.name or not all_pass(kind, points, window):
        refused = _take_out(metric, kind, window)
        stays = bool(points) or not refused
        for reason, group in refused.items():
            verdict.reject(reason, len(group))
    verdict.accepted += len(points)
    if kind != "summary":
        verdict.warn("exemplar_id_length", _with_bad_exemplars(points))
    return stays


def _with_bad_exemplars(points: Sequence[Any]) -> int:
    """Count the points with an exemplar whose trace or span id is of a wrong length."""
    return sum(
        any(
            len(exemplar.trace_id) not in EXEMPLAR_TRACE_ID_LENGTHS
            or len(exemplar.span_id) not in EXEMPLAR_SPAN_ID_LENGTHS
            for exemplar in exemplars
        )
        for point in points
        if (exemplars := point.exemplars)
    )


def _take_out(metric: Metric, kind: str, window: TimeWindow) -> dict[str, list[Any]]:
    """Remove the points that cannot be stored, and return them by reason."""
    points = getattr(metric, kind).data_points
    kept = []
    refused: dict[str, list[Any]] = {}
    for point in points:
        reason = point_reason(kind, point, window) if metric.name else "metric_name"
        if reason is None:
            kept.append(point)
        else:
            refused.setdefault(reason, []).append(point)
    if refused:
        # One copy of what is kept: deleting points one by one takes quadratic time.
        del points[:]
        points.extend(kept)
    return refused


def _divide(metric: Metric, window: TimeWindow) -> Divided:
    kind = metric.WhichOneof("data")
    if kind is None:
        return Divided(stays=True, refused={})
    refused = _take_out(metric, kind, window)
    parts = {reason: _with_points(metric, kind, points) for reason, points in refused.items()}
    return Divided(bool(data_points(metric)) or not parts, parts)


def _with_points(metric: Metric, kind: str, points: Sequence[Any]) -> Metric:
    """Return a metric like this one with other points."""
    part = Metric(
        name=metric.name,
        description=metric.description,
        unit=metric.unit,
        metadata=metric.metadata,
    )
    data = getattr(part, kind)
    for field, value in getattr(metric, kind).ListFields():
        if field.name != _POINTS:
            setattr(data, field.name, value)
    data.data_points.extend(points)
    return part


DATA_POINTS: Final = ItemKind(
    items="data points",
    request_type=ExportMetricsServiceRequest,
    path=("resource_metrics", "scope_metrics", "metrics"),
    outline=POINTS_OF_METRICS,
    check=_check_metrics,
    divide=_divide,
    count=lambda metric: len(data_points(metric)),
)
"""Data points.

A point is rejected for one reason: `metric_name` (its metric has no name) or those of
`rak_libs.otlp.metric_points.point_reason`. A metric none of whose points is left is removed.

Warnings: `metric_data`, counted in metrics: one without data, or with data of a kind that this
version does not know, so that nobody can count its points. `exemplar_id_length`, in points: an
exemplar's trace or span id is neither empty nor of 16 and 8 bytes, and is stored as absent.
"""
