"""Data points: what is rejected, what is kept, what is told."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    ExponentialHistogramDataPoint,
    Metric,
    SummaryDataPoint,
)

from metric_generation import (
    canonical_metrics,
    hostile_metric_requests,
    is_bad,
    metric_requests,
    points_of,
)
from rak_libs.model.time_window import DAY_NS, time_window
from rak_libs.otlp.item_kind import check_request
from rak_libs.otlp.metrics import DATA_POINTS, data_points
from rak_libs.otlp.separate import separate

NOW = 1_800_000_000 * 1_000_000_000
WINDOW = time_window(90, NOW)
Buckets = ExponentialHistogramDataPoint.Buckets
QUANTILE = SummaryDataPoint.ValueAtQuantile

KINDS = ["gauge", "sum", "histogram", "exponential_histogram", "summary"]


def metric_of(kind: str, *points: dict[str, Any], name: str = "m") -> Metric:
    """Build a metric of points that are good but for the fields given."""
    metric = Metric(name=name, unit="s", description="d")
    metric.metadata.add(key="k").value.string_value = "v"
    data = getattr(metric, kind)
    if kind not in {"gauge", "summary"}:
        data.aggregation_temporality = 2
    for fields in points:
        data.data_points.add(**({"time_unix_nano": NOW} | fields))
    return metric


def request_of(*metrics: Metric) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add(schema_url="r")
    group.resource.attributes.add(key="service.name").value.string_value = "tested"
    scope = group.scope_metrics.add(schema_url="s", metrics=metrics)
    scope.scope.name = "scope"
    return request


def metrics_of(request: ExportMetricsServiceRequest) -> list[Metric]:
    return list(request.resource_metrics[0].scope_metrics[0].metrics)


BAD_TIMES = [
    ({"time_unix_nano": 0}, "time_zero"),
    ({"time_unix_nano": 2**64 - 1}, "time_overflow"),
    ({"time_unix_nano": NOW + DAY_NS}, "time_future"),
    ({"time_unix_nano": NOW - 200 * DAY_NS}, "time_expired"),
]
BAD_SHAPES = [
    ("histogram", {"bucket_counts": [1], "explicit_bounds": [1.0]}, "bucket_counts"),
    ("histogram", {"bucket_counts": [1, 2, 3], "explicit_bounds": [1.0]}, "bucket_counts"),
    ("histogram", {"explicit_bounds": [1.0]}, "bucket_counts"),
    ("histogram", {"bucket_counts": [1, 2]}, "bucket_counts"),
    ("histogram", {"bucket_counts": [0] * 3, "explicit_bounds": [2, 1]}, "explicit_bounds"),
    ("histogram", {"bucket_counts": [0] * 3, "explicit_bounds": [1, 1]}, "explicit_bounds"),
    ("histogram", {"bucket_counts": [0] * 2, "explicit_bounds": [math.nan]}, "explicit_bounds"),
    ("histogram", {"bucket_counts": [0] * 3, "explicit_bounds": [1, math.nan]}, "explicit_bounds"),
    ("histogram", {"count": 2**64 - 1}, "negative_count"),
    ("histogram", {"bucket_counts": [2**63]}, "negative_count"),
    ("histogram", {"bucket_counts": [0] * 65_537}, "too_many_buckets"),
    (
        "exponential_histogram",
        {"positive": Buckets(bucket_counts=[0] * 65_537)},
        "too_many_buckets",
    ),
    ("exponential_histogram", {"scale": 21}, "scale"),
    ("exponential_histogram", {"scale": -11}, "scale"),
    ("exponential_histogram", {"zero_count": 2**63}, "negative_count"),
    ("exponential_histogram", {"count": 2**63}, "negative_count"),
    (
        "exponential_histogram",
        {"negative": Buckets(bucket_counts=[1, 2**64 - 1])},
        "negative_count",
    ),
    ("summary", {"quantile_values": [QUANTILE(quantile=1.1)]}, "quantile"),
    ("summary", {"quantile_values": [QUANTILE(quantile=-0.1)]}, "quantile"),
    ("summary", {"quantile_values": [QUANTILE(), QUANTILE(quantile=math.nan)]}, "quantile"),
    ("summary", {"count": 2**63}, "negative_count"),
]
BAD_POINTS = [(kind, *case) for kind in KINDS for case in BAD_TIMES] + BAD_SHAPES


@pytest.mark.parametrize(("kind", "fields", "reason"), BAD_POINTS)
def test_a_bad_point_is_removed_and_counted_and_its_neighbours_stay(
    kind: str, fields: dict[str, Any], reason: str
) -> None:
    request = request_of(metric_of(kind, {"flags": 2}, fields, {"flags": 4}), metric_of(kind, {}))
    verdict = check_request(request, WINDOW, DATA_POINTS)
    assert (verdict.accepted, verdict.rejected, verdict.changed) == (3, {reason: 1}, True)
    assert metrics_of(request) == [metric_of(kind, {"flags": 2}, {"flags": 4}), metric_of(kind, {})]


@pytest.mark.parametrize(("kind", "fields", "reason"), BAD_POINTS)
def test_a_bad_point_keeps_what_its_metric_says_of_it_when_separated(
    kind: str, fields: dict[str, Any], reason: str
) -> None:
    request = request_of(metric_of(kind, {}, fields), metric_of(kind, fields))
    value, (items,) = separate(request.SerializeToString(), WINDOW, DATA_POINTS)
    assert ExportMetricsServiceRequest.FromString(value) == request_of(metric_of(kind, {}))
    assert (items.reason, items.count) == (reason, 2)
    alone = metric_of(kind, fields)
    separated = ExportMetricsServiceRequest.FromString(items.value)
    # As text, since NaN is not equal to itself.
    assert str(separated) == str(request_of(alone, alone))


GOOD_POINTS = [
    *[(kind, {}) for kind in KINDS],
    *[(kind, {"time_unix_nano": WINDOW.oldest_ns}) for kind in KINDS],
    *[(kind, {"start_time_unix_nano": 2**64 - 1, "flags": 1}) for kind in KINDS],
    ("gauge", {"as_double": math.nan}),
    ("sum", {"as_double": -math.inf}),
    ("sum", {"as_int": -(2**63)}),
    ("histogram", {"bucket_counts": [7]}),
    ("histogram", {"bucket_counts": [1, 2], "explicit_bounds": [math.inf], "sum": math.nan}),
    # SDKs read the count and the buckets one after the other.
    ("histogram", {"bucket_counts": [1, 2, 3], "explicit_bounds": [-1, 0], "count": 5}),
    ("histogram", {"count": 2**63 - 1, "min": -math.inf, "max": math.inf}),
    ("exponential_histogram", {"scale": 20, "positive": Buckets(offset=-7, bucket_counts=[1])}),
    ("exponential_histogram", {"negative": Buckets(bucket_counts=[2**63 - 1] * 65_536)}),
    ("exponential_histogram", {"positive": Buckets(offset=-(2**31), bucket_counts=[1, 128])}),
    ("exponential_histogram", {"scale": -10, "zero_threshold": math.nan, "count": 9}),
    ("summary", {"quantile_values": [QUANTILE(quantile=1), QUANTILE(quantile=0, value=-1)]}),
]


@pytest.mark.parametrize(("kind", "fields"), GOOD_POINTS)
def test_a_good_point_leaves_the_request_unchanged(kind: str, fields: dict[str, Any]) -> None:
    request = request_of(metric_of(kind, fields))
    before = request.SerializeToString()
    verdict = check_request(request, WINDOW, DATA_POINTS)
    assert (verdict.accepted, verdict.rejected, verdict.warnings) == (1, {}, {})
    assert not verdict.changed
    assert request.SerializeToString() == before
    assert separate(before, WINDOW, DATA_POINTS) == (before, [])


def test_unknown_bytes_in_buckets_are_no_counts() -> None:
    unknown = bytes([15 << 3]) + b"\xff" * 9 + b"\x01"
    buckets = Buckets.FromString(Buckets(bucket_counts=[1]).SerializeToString() + unknown)
    request = request_of(metric_of("exponential_histogram", {"positive": buckets}))
    assert check_request(request, WINDOW, DATA_POINTS).rejected == {}


def test_a_metric_without_a_name_is_rejected_with_all_its_points() -> None:
    nameless = metric_of("sum", {}, {"time_unix_nano": 0}, name="")
    request = request_of(metric_of("gauge", {}), nameless)
    verdict = check_request(request, WINDOW, DATA_POINTS)
    assert (verdict.accepted, verdict.rejected) == (1, {"metric_name": 2})
    assert metrics_of(request) == [metric_of("gauge", {})]


@pytest.mark.parametrize("unknown", [b"", bytes([15 << 3 | 2, 0])])
def test_a_metric_without_known_data_is_told_and_left_alone(unknown: bytes) -> None:
    metric = Metric.FromString(Metric(name="new").SerializeToString() + unknown)
    request = request_of(metric, metric_of("gauge", {}))
    before = request.SerializeToString()
    verdict = check_request(request, WINDOW, DATA_POINTS)
    assert (verdict.accepted, verdict.rejected) == (1, {})
    assert verdict.warnings == {"metric_data": 1}
    assert request.SerializeToString() == before


@pytest.mark.parametrize("name", ["m", ""])
def test_a_metric_without_points_is_nothing_to_reject(name: str) -> None:
    request = request_of(metric_of("sum", name=name))
    verdict = check_request(request, WINDOW, DATA_POINTS)
    assert (verdict.accepted, verdict.rejected, verdict.changed) == (0, {}, False)


@pytest.mark.parametrize("kind", ["gauge", "sum", "histogram", "exponential_histogram"])
def test_an_exemplar_with_a_bad_id_costs_no_point(kind: str) -> None:
    good = [Exemplar(), Exemplar(trace_id=bytes(16), span_id=b"s" * 8)]
    bad = [Exemplar(trace_id=b"short"), Exemplar(span_id=b"t" * 16)]
    points = [{"exemplars": good}, {"exemplars": bad}, {"exemplars": [*good, bad[1]]}, {}]
    request = request_of(metric_of(kind, *points))
    verdict = check_request(request, WINDOW, DATA_POINTS)
    assert (verdict.accepted, verdict.rejected, verdict.changed) == (4, {}, False)
    assert verdict.warnings == {"exemplar_id_length": 2}


def test_points_are_found_whatever_their_kind() -> None:
    assert [len(data_points(metric_of(kind, {}, {}))) for kind in KINDS] == [2] * len(KINDS)
    assert len(data_points(Metric(name="none"))) == 0


TIMES = st.sampled_from([0, NOW - 100 * DAY_NS, NOW - DAY_NS, NOW, NOW + DAY_NS, 2**63])


def texts_of(request: ExportMetricsServiceRequest) -> list[str]:
    """Every point as text, since NaN is not equal to itself."""
    return [f"{metric.name} {point}" for metric, point in points_of(request)]


@given(hostile_metric_requests(TIMES))
def test_exactly_the_good_points_remain_in_their_order(
    request_: ExportMetricsServiceRequest,
) -> None:
    before = points_of(request_)
    good = [f"{m.name} {p}" for m, p in before if not is_bad(m, p, WINDOW)]
    value = request_.SerializeToString()
    checked = ExportMetricsServiceRequest.FromString(value)
    verdict = check_request(checked, WINDOW, DATA_POINTS)
    assert texts_of(checked) == good
    assert verdict.accepted == len(good)
    assert sum(verdict.rejected.values()) == len(before) - len(good)
    # What was kept survives its own serialisation: no memory of removed points is left behind.
    assert texts_of(ExportMetricsServiceRequest.FromString(checked.SerializeToString())) == good
    kept, refused = separate(value, WINDOW, DATA_POINTS)
    assert texts_of(ExportMetricsServiceRequest.FromString(kept)) == good
    assert {items.reason: items.count for items in refused} == verdict.rejected
    for items in refused:
        apart = ExportMetricsServiceRequest.FromString(items.value)
        assert len(points_of(apart)) == items.count
        assert check_request(apart, WINDOW, DATA_POINTS).rejected == {items.reason: items.count}


@given(metric_requests(NOW))
def test_generated_requests_are_acceptable(request_: ExportMetricsServiceRequest) -> None:
    points = points_of(request_)
    verdict = check_request(request_, WINDOW, DATA_POINTS)
    assert (verdict.accepted, verdict.rejected) == (len(points), {})
    assert canonical_metrics([request_]) == canonical_metrics([request_])
