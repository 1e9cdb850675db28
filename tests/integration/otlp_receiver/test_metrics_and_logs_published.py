"""What the broker holds of metrics and logs, and what the account says of them."""

import gzip
import math
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    SummaryDataPoint,
)

from fleet import wait_until
from integration.otlp_receiver.agents import (
    JSON,
    LOGS,
    METRICS,
    Published,
    Receiver,
    Signal,
    receiver_with_broker,
)
from integration.otlp_receiver.signal_requests import (
    BAD,
    KINDS,
    metric,
    metrics_request,
    names_in,
    rejected_in,
    request_of,
)
from metric_generation import points_of
from rak_libs.model.pipeline import HOUR_MS
from rak_libs.otlp.otlp_json import request_to_json

signals = pytest.mark.parametrize("signal", [METRICS, LOGS], ids=["metrics", "logs"])


def published_with(receiver: Receiver, signal: Signal, name: str) -> list[Published]:
    return [each for each in receiver.published(signal) if name in names_in(each.request)]


@signals
@pytest.mark.parametrize("transport", ["grpc", "http", "http gzip"])
def test_a_good_binary_request_is_published_byte_for_byte(
    receiver: Receiver, signal: Signal, transport: str
) -> None:
    name = f"identical over {transport}"
    # An unknown field at the front: a serialiser would write it at the end.
    unknown = bytes([15 << 3 | 2, 3]) + b"new"
    body = unknown + request_of(signal, name, "other").SerializeToString()
    if transport == "grpc":
        receiver.export(body, signal)
    elif transport == "http":
        assert receiver.post(body, signal=signal).status == 200
    else:
        answer = receiver.post(gzip.compress(body), signal=signal, content_encoding="gzip")
        assert answer.status == 200
    (record,) = published_with(receiver, signal, name)
    assert record.value == body
    assert (record.envelope.accepted, record.envelope.rejected) == (2, 0)


@signals
def test_json_is_published_as_protobuf_without_what_is_rejected(
    receiver: Receiver, signal: Signal
) -> None:
    request = request_of(signal, "from json", BAD, "and more")
    expected = request_of(signal, "from json", "and more")
    answer = receiver.post(request_to_json(request), JSON, signal)
    assert rejected_in(answer.response) == 1
    (record,) = published_with(receiver, signal, "from json")
    assert names_in(record.request) == names_in(expected)
    assert (record.envelope.accepted, record.envelope.rejected) == (2, 1)


Buckets = ExponentialHistogramDataPoint.Buckets
QUANTILE = SummaryDataPoint.ValueAtQuantile
BAD_POINTS: list[tuple[str, dict[str, Any], str]] = [
    *((kind, {"time_unix_nano": 0}, "time_zero") for kind in KINDS),
    *((kind, {"time_unix_nano": 1}, "time_expired") for kind in KINDS),
    *((kind, {"time_unix_nano": 2**63}, "time_overflow") for kind in KINDS),
    ("histogram", {"bucket_counts": [1], "explicit_bounds": [1, 2]}, "bucket_counts"),
    ("histogram", {"explicit_bounds": [1, 2]}, "bucket_counts"),
    ("histogram", {"bucket_counts": [1] * 3, "explicit_bounds": [2, 1]}, "explicit_bounds"),
    ("histogram", {"bucket_counts": [1] * 2, "explicit_bounds": [math.nan]}, "explicit_bounds"),
    ("histogram", {"count": 2**64 - 1}, "negative_count"),
    ("exponential_histogram", {"scale": 21}, "scale"),
    ("exponential_histogram", {"scale": -11}, "scale"),
    ("exponential_histogram", {"positive": Buckets(bucket_counts=[2**63])}, "negative_count"),
    ("summary", {"quantile_values": [QUANTILE(quantile=1.5)]}, "quantile"),
    ("summary", {"quantile_values": [QUANTILE(quantile=math.nan)]}, "quantile"),
]


def test_each_bad_point_is_counted_and_costs_no_neighbour(receiver: Receiver) -> None:
    """All at once: beside each bad point, in its metric, a good one before it and one behind."""
    metrics = [
        metric(kind, f"{kind} {number}", {"flags": 2}, fields, {"flags": 4})
        for number, (kind, fields, _) in enumerate(BAD_POINTS)
    ]
    nameless = metric("sum", "", {}, {})
    request = metrics_request(*metrics, nameless)
    response = receiver.export(request.SerializeToString(), METRICS)
    reasons = [reason for _, _, reason in BAD_POINTS] + ["metric_name"] * 2
    assert response.partial_success.rejected_data_points == len(reasons)
    message = response.partial_success.error_message
    assert message.startswith(f"rejected {len(reasons)} of {3 * len(metrics) + 2} data points: ")
    told = {reason: int(count) for count, reason in re.findall(r"(\d+) (\w+) \(", message)}
    assert told == {reason: reasons.count(reason) for reason in reasons}
    assert "the scale is not from -10 to 20" in message
    (record,) = published_with(receiver, METRICS, metrics[0].name)
    kept = [(metric.name, point.flags) for metric, point in points_of(record.request)]
    assert kept == [(each.name, flags) for each in metrics for flags in (2, 4)]


def test_values_that_are_no_numbers_and_totals_that_differ_are_published(
    receiver: Receiver,
) -> None:
    metrics = [
        metric("gauge", "odd gauge", *({"as_double": v} for v in (math.nan, math.inf, -math.inf))),
        metric("histogram", "odd total", {"count": 9, "bucket_counts": [1], "sum": math.nan}),
        metric("sum", "ended", {"flags": 1}),
    ]
    body = metrics_request(*metrics).SerializeToString()
    assert not receiver.export(body, METRICS).HasField("partial_success")
    (record,) = published_with(receiver, METRICS, "odd total")
    assert record.value == body


def test_a_negative_count_in_json_costs_its_point_alone(receiver: Receiver) -> None:
    now = str(time.time_ns())
    points = [
        {"timeUnixNano": now, "count": "1", "bucketCounts": ["1"]},
        {"timeUnixNano": now, "count": "-1"},
        {"timeUnixNano": now, "count": 1, "bucketCounts": [-1, 2], "explicitBounds": [1]},
    ]
    metrics = [{"name": "negative counts", "histogram": {"dataPoints": points}}]
    body = msgspec.json.encode({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]})
    response = receiver.post(body, JSON, METRICS).response
    assert response.partial_success.rejected_data_points == 2
    assert "2 negative_count" in response.partial_success.error_message
    (record,) = published_with(receiver, METRICS, "negative counts")
    assert len(points_of(record.request)) == 1


@signals
def test_requests_are_counted(receiver: Receiver, signal: Signal) -> None:
    name, items = ("metrics", "data_points") if signal is METRICS else ("logs", "log_records")
    series = {
        f'ingest_{items}_received_total{{transport="http"}}': 3,
        f'ingest_{items}_rejected_total{{reason="time_zero"}}': 1,
        f'ingest_requests_total{{outcome="partly_rejected",signal="{name}",transport="http"}}': 1,
        f'ingest_requests_total{{outcome="refused",signal="{name}",transport="http"}}': 1,
    }
    before = {name: receiver.metric(name) for name in series}
    receiver.post(request_of(signal, "a", BAD, "b").SerializeToString(), signal=signal)
    receiver.post(b"\xff", signal=signal)
    assert {name: receiver.metric(name) - before[name] for name in series} == series


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A receiver whose queue takes messages of 64 KiB, and that often tells its account."""
    folder: Path = tmp_path_factory.mktemp("small")
    kafka = {"max_message_bytes": 64 * 1024}
    server = {"status_interval_seconds": 0.2}
    with receiver_with_broker(folder, kafka=kafka, server=server) as running:
        yield running


def of_one_metric(points: int) -> ExportMetricsServiceRequest:
    """Build a counter of many points, one of which is too large for a message."""
    counter = metric("sum", "split", *({"as_int": number} for number in range(points)))
    counter.unit = "1"
    counter.description = "d" * 1000
    counter.sum.aggregation_temporality = 2
    counter.sum.is_monotonic = True
    large = counter.sum.data_points[7].attributes.add(key="large")
    large.value.string_value = "y" * 80_000
    counter.sum.data_points[8].time_unix_nano = 0
    return metrics_request(counter)


def test_points_of_a_metric_over_the_message_limit_keep_what_it_says(small: Receiver) -> None:
    body = of_one_metric(10_000).SerializeToString()
    partial = small.post(body, signal=METRICS).response.partial_success
    assert partial.rejected_data_points == 2
    assert "1 too_large" in partial.error_message
    records = small.published(METRICS)
    assert len(records) > 3
    assert all(len(record.value) < 64 * 1024 for record in records)
    points = [pair for record in records for pair in points_of(record.request)]
    assert sorted(point.as_int for _, point in points) == sorted({*range(10_000)} - {7, 8})
    said = {
        (m.unit, m.description, m.sum.aggregation_temporality, m.sum.is_monotonic)
        for m, _ in points
    }
    assert said == {("1", "d" * 1000, 2, True)}
    assert sum(record.envelope.accepted for record in records) == 9_998
    assert sum(record.envelope.rejected for record in records) == 2


def test_each_signal_has_an_account_of_its_own(small: Receiver) -> None:
    small.export(request_of(LOGS, "a", BAD, "b").SerializeToString(), LOGS)
    small.export(request_of(METRICS, BAD).SerializeToString(), METRICS)
    expected = {("logs", "accepted", ""): 2, ("logs", "rejected", "time_zero"): 1}
    wait_for_account(small, lambda told: expected.items() <= told.items())
    hours = {record.timestamp_ms // HOUR_MS for record in small.published(LOGS)}
    counted = {
        count.hour_ms // HOUR_MS
        for status in small.statuses()
        for count in status.counts
        if (count.signal, count.outcome) == ("logs", "accepted")
    }
    assert counted == hours
    wait_for_account(small, lambda told: ("metrics", "rejected", "time_zero") in told)


Told = dict[tuple[str, str, str], int]


def wait_for_account(receiver: Receiver, holds: Callable[[Told], bool]) -> None:
    def told() -> Told:
        newest = {
            (count.hour_ms, count.signal, count.outcome, count.reason): count.items
            for status in receiver.statuses()
            for count in status.counts
        }
        items: Told = {}
        for (_, *key), number in newest.items():
            signal, outcome, reason = key
            items[signal, outcome, reason] = items.get((signal, outcome, reason), 0) + number
        return items

    wait_until(lambda: holds(told()), "the account is told")
