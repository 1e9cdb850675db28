"""Metrics and logs in JSON: what spans do not have."""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from log_generation import canonical_logs, hostile_log_requests
from metric_generation import hostile_metric_requests, points_of
from rak_libs.otlp.errors import UndecodableRequest
from rak_libs.otlp.otlp_json import request_from_json, request_to_json

TRACE_ID = "5B8EFFF798038103D269B633813FC60C"
SPAN_ID = "eee19b7ec3c1b174"


def read_point(kind: str, **fields: Any) -> Any:
    """Read a data point from a request of one metric of `kind` (in lowerCamelCase)."""
    metrics = [{"name": "m", kind: {"dataPoints": [fields]}}]
    body = msgspec.json.encode({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]})
    ((_, point),) = points_of(request_from_json(body, ExportMetricsServiceRequest))
    return point


def read_record(**fields: Any) -> Any:
    records = [fields]
    body = msgspec.json.encode({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]})
    request = request_from_json(body, ExportLogsServiceRequest)
    return request.resource_logs[0].scope_logs[0].log_records[0]


@given(hostile_metric_requests())
def test_metrics_that_are_written_are_read_back_equal(
    request_: ExportMetricsServiceRequest,
) -> None:
    read = request_from_json(request_to_json(request_), ExportMetricsServiceRequest)
    # JSON has one NaN, so values are compared as text.
    assert str(read) == str(request_)


@given(hostile_log_requests())
def test_logs_that_are_written_are_read_back_equal(request_: ExportLogsServiceRequest) -> None:
    read = request_from_json(request_to_json(request_), ExportLogsServiceRequest)
    assert canonical_logs([read]) == canonical_logs([request_])


def test_ids_of_exemplars_and_records_are_hex() -> None:
    point = read_point("gauge", exemplars=[{"traceId": TRACE_ID, "spanId": SPAN_ID}])
    record = read_record(traceId=TRACE_ID, spanId=SPAN_ID)
    for holder in (point.exemplars[0], record):
        assert holder.trace_id == bytes.fromhex(TRACE_ID)
        assert holder.span_id == bytes.fromhex(SPAN_ID)
    with pytest.raises(UndecodableRequest, match=r"logRecords\[0\]\.traceId"):
        read_record(traceId="no hex")


@pytest.mark.parametrize("value", ["-9223372036854775808", -(2**63)])
def test_integers_of_points_come_as_strings_or_numbers(value: object) -> None:
    assert read_point("sum", asInt=value).as_int == -(2**63)


def test_what_is_absent_differs_from_zero() -> None:
    assert read_point("sum").WhichOneof("value") is None
    assert read_point("sum", asDouble=0).WhichOneof("value") == "as_double"
    point = read_point("histogram", sum=0, min="-Infinity", bucketCounts=["1", 2])
    assert (point.HasField("sum"), point.HasField("max")) == (True, False)
    assert point.min == -math.inf
    assert list(point.bucket_counts) == [1, 2]


def test_a_point_has_one_value() -> None:
    with pytest.raises(UndecodableRequest, match="both asInt and asDouble"):
        read_point("sum", asInt=1, asDouble=1)


@pytest.mark.parametrize(
    ("kind", "fields", "counts"),
    [
        ("histogram", {"count": -1, "bucketCounts": ["-2", 3]}, [-1, -2, 3]),
        ("exponentialHistogram", {"zeroCount": "-9223372036854775808"}, [-(2**63)]),
        ("exponentialHistogram", {"positive": {"bucketCounts": [-1]}}, [-1]),
        ("summary", {"count": "-1"}, [-1]),
    ],
)
def test_a_negative_count_is_read_as_one_that_its_point_is_rejected_for(
    kind: str, fields: dict[str, Any], counts: list[int]
) -> None:
    point = read_point(kind, **fields)
    positive = getattr(point, "positive", point)
    found = [point.count, getattr(point, "zero_count", 0), *getattr(positive, "bucket_counts", ())]
    assert [count for count in found if count] == [count % 2**64 for count in counts]


@pytest.mark.parametrize("count", [-(2**63) - 1, 2**64, 1.5, "many"])
def test_what_is_no_count_at_all_is_refused(count: object) -> None:
    with pytest.raises(UndecodableRequest, match=r"dataPoints\[0\]\.count"):
        read_point("histogram", count=count)
