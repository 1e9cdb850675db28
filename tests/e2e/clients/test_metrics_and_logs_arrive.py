"""Metrics of every instrument and log records of three SDKs, as the topics hold them.

Over gRPC the SDKs are asked for delta temporality, over HTTP for cumulative.
"""

import math
import time
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    DESCRIPTOR,
    ExponentialHistogramDataPoint,
    Metric,
)

from e2e.clients.client_runs import GRPC, PROTOCOLS, Client, Run, Runs, Scenario, ran
from e2e.clients.test_every_value_arrives import ATTRIBUTES, OF_JAVASCRIPT
from integration.otlp_receiver.agents import LOGS, METRICS, Receiver, Signal, receiver_with_broker
from log_generation import canonical_logs
from metric_generation import canonical_metrics
from rak_libs.model.batch import new_batch
from rak_libs.model.logs import LOGS as LOG_TABLE
from rak_libs.model.metrics import METRIC_TABLES
from rak_libs.model.time_window import time_window
from rak_libs.otlp.decode_logs import decode_logs
from rak_libs.otlp.decode_metrics import decode_metrics
from rak_libs.otlp.otlp_json import request_to_json
from rak_libs.otlp.rebuild_logs import rebuild_logs
from rak_libs.otlp.rebuild_metrics import rebuild_metrics
from rak_services.writer.written_rows import NewRows
from span_rows import rows_of

DELTA, CUMULATIVE = (
    DESCRIPTOR.enum_types_by_name["AggregationTemporality"].values_by_number[number].number
    for number in (1, 2)
)
LANGUAGES = ("python", "go", "javascript")
CLIENTS = [Client(language, protocol) for language in LANGUAGES for protocol in PROTOCOLS[language]]
MAX_SAFE_INTEGER = 2**53 - 1
"""JavaScript's; the other programs send 2^53+1, which no double holds."""

every_client = pytest.mark.parametrize("client", CLIENTS, ids=str)


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    with receiver_with_broker(tmp_path_factory.mktemp("signals")) as running:
        yield running


@pytest.fixture(scope="module")
def runs(receiver: Receiver) -> Runs:
    server = receiver.config.server
    endpoints = {
        "grpc": f"http://127.0.0.1:{server.otlp_grpc_port}",
        "http": f"http://127.0.0.1:{server.otlp_http_port}",
    }
    finished: dict[Client, Any] = {}
    for is_delta in (True, False):
        preference = "delta" if is_delta else "cumulative"
        environ = {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": preference}
        scenario = Scenario("signals", endpoints, environ=environ, program="signals")
        finished |= scenario.run_all([each for each in CLIENTS if asks_for_delta(each) == is_delta])
    return finished


def asks_for_delta(client: Client) -> bool:
    return client.protocol == GRPC


Sent = Mapping[str, list[Any]]
"""What each service sent: its groups of a resource."""


def sent(receiver: Receiver, signal: Signal) -> Sent:
    groups: dict[str, list[Any]] = {}
    for record in receiver.published(signal):
        for group in getattr(record.request, f"resource_{signal.path.rpartition('/')[2]}"):
            service = next(a for a in group.resource.attributes if a.key == "service.name")
            groups.setdefault(service.value.string_value, []).append(group)
    return groups


@pytest.fixture(scope="module")
def sent_metrics(receiver: Receiver, runs: Runs) -> Sent:
    assert runs
    return sent(receiver, METRICS)


@pytest.fixture(scope="module")
def sent_logs(receiver: Receiver, runs: Runs) -> Sent:
    assert runs
    return sent(receiver, LOGS)


def attributes_of(holder: Message) -> dict[str, Any]:
    """Return attributes as OTLP JSON writes them, which tells every type."""
    pairs = msgspec.json.decode(request_to_json(holder)).get("attributes", [])
    return {pair["key"]: pair["value"] for pair in pairs}


class Measured:
    """The metrics of one run, by name; each name's points in the order of time."""

    def __init__(self, groups: list[Any]) -> None:
        self.scopes: set[tuple[str, str]] = set()
        self.metrics: dict[str, list[Metric]] = {}
        for group in groups:
            for scope_metrics in group.scope_metrics:
                self.scopes.add((scope_metrics.scope.name, scope_metrics.scope.version))
                for metric in scope_metrics.metrics:
                    self.metrics.setdefault(metric.name, []).append(metric)

    def points(self, name: str, kind: str, route: str = "") -> list[Any]:
        """Return a metric's points, which must be of `kind`, where its route is that."""
        found = []
        for metric in self.metrics[name]:
            assert metric.WhichOneof("data") == kind, metric
            found += [
                point
                for point in getattr(metric, kind).data_points
                if not route or attributes_of(point) == {"route": {"stringValue": route}}
            ]
        assert found, f"{name} has no points"
        return sorted(found, key=lambda point: point.time_unix_nano)

    def said_of(self, name: str, kind: str) -> set[tuple[Any, ...]]:
        return {
            (
                metric.unit,
                metric.description,
                getattr(getattr(metric, kind), "aggregation_temporality", None),
                getattr(getattr(metric, kind), "is_monotonic", None),
            )
            for metric in self.metrics[name]
        }


@every_client
def test_every_instrument_arrives_with_its_kind_and_temporality(
    client: Client, runs: Runs, sent_metrics: Sent
) -> None:
    run = ran(runs, client)
    assert (run.flushed, run.reports) == (True, "")
    measured = Measured(sent_metrics[run.service])
    assert measured.scopes == {("client", "1.0")}
    added = DELTA if asks_for_delta(client) else CUMULATIVE
    expected = {
        ("requests", "sum"): ("{request}", "How many.", added, True),
        ("cost", "sum"): ("", "", added, True),
        ("cpu", "sum"): ("", "", added, True),
        # What goes up and down is cumulative however it is asked for.
        ("queue", "sum"): ("", "", CUMULATIVE, False),
        ("memory", "sum"): ("", "", CUMULATIVE, False),
        ("latency", "histogram"): ("s", "", added, None),
        ("sizes", "exponential_histogram"): ("By", "", added, None),
        ("temperature", "gauge"): ("", "", None, None),
        ("load", "gauge"): ("", "", None, None),
    }
    assert set(measured.metrics) == {name for name, _ in expected}
    for (name, kind), said in expected.items():
        assert measured.said_of(name, kind) == {said}, name


@every_client
def test_sums_and_gauges_arrive_with_their_values_and_types(
    client: Client, runs: Runs, sent_metrics: Sent
) -> None:
    measured = Measured(sent_metrics[ran(runs, client).service])
    javascript = client.language == "javascript"
    requests = measured.points("requests", "sum", "/a")
    # Seven, then five more.
    second = 5 if asks_for_delta(client) else 12
    assert [point.as_int for point in requests[:2]] == [7, second]
    (large, *_) = measured.points("requests", "sum", "/b")
    assert large.as_int == (MAX_SAFE_INTEGER if javascript else 2**53 + 1)
    for name, kind, field, value in (
        ("cost", "sum", "as_double", 0.75),
        ("queue", "sum", "as_int", -3),
        ("cpu", "sum", "as_double", 12.5),
        ("memory", "sum", "as_int", -7),
        ("temperature", "gauge", "as_double", 21.5),
        ("load", "gauge", "as_double", 0.75),
    ):
        (point, *_) = measured.points(name, kind)
        assert point.WhichOneof("value") == field, name
        assert getattr(point, field) == value, name
    for point in requests:
        assert 0 < point.start_time_unix_nano <= point.time_unix_nano
    expected = ATTRIBUTES | (OF_JAVASCRIPT if javascript else {})
    assert attributes_of(measured.points("temperature", "gauge")[0]) == expected


@every_client
def test_histograms_of_both_kinds_arrive_with_their_buckets(
    client: Client, runs: Runs, sent_metrics: Sent
) -> None:
    measured = Measured(sent_metrics[ran(runs, client).service])
    (latency, *_) = measured.points("latency", "histogram")
    assert list(latency.explicit_bounds) == [0.1, 1, 5]
    assert list(latency.bucket_counts) == [1, 1, 0, 1]
    assert (latency.count, latency.sum, latency.min, latency.max) == (3, 7.25, 0.05, 7)
    (sizes, *_) = measured.points("sizes", "exponential_histogram")
    assert (sizes.count, sizes.zero_count, sizes.sum) == (4, 1, 1003)
    assert (sizes.min, sizes.max) == (0, 1000)
    assert bucket_of(sizes, 1) == bucket_of(sizes, 2) == bucket_of(sizes, 1000) == 1
    assert sum(sizes.positive.bucket_counts) == 3


def bucket_of(point: ExponentialHistogramDataPoint, value: float) -> int:
    """Return the count of the bucket (base^index, base^(index+1)] that holds a value."""
    index = math.ceil(math.log2(value) * 2**point.scale) - 1
    return point.positive.bucket_counts[index - point.positive.offset]


@every_client
def test_exemplars_lead_to_the_span(client: Client, runs: Runs, sent_metrics: Sent) -> None:
    run = ran(runs, client)
    measured = Measured(sent_metrics[run.service])
    exemplars = [
        exemplar
        for name, kind in (("requests", "sum"), ("latency", "histogram"))
        for point in measured.points(name, kind)
        for exemplar in point.exemplars
    ]
    if client.language == "javascript":  # its SDK makes none
        assert exemplars == []
        return
    assert {(e.trace_id.hex(), e.span_id.hex()) for e in exemplars} == {(run.trace_id, run.span_id)}
    assert {e.WhichOneof("value") for e in exemplars} == {"as_int", "as_double"}


RECORD_ATTRIBUTES: dict[str, Any] = {
    "text": {"stringValue": "plain"},
    "flag": {"boolValue": True},
    "int": {"intValue": str(2**53 + 1)},
    "double": {"doubleValue": 0.1},
    "bytes": {"bytesValue": "AP8="},
    "list": {"arrayValue": {"values": [{"stringValue": "a"}, {"intValue": "1"}]}},
    "map": {"kvlistValue": {"values": [{"key": "key", "value": {"stringValue": "value"}}]}},
}
STRUCTURED: dict[str, Any] = {
    "answer": {"intValue": "42"},
    "nested": {
        "kvlistValue": {
            "values": [
                {
                    "key": "list",
                    "value": {
                        "arrayValue": {"values": [{"stringValue": "a"}, {"boolValue": False}]}
                    },
                }
            ]
        }
    },
}


def records_of_run(groups: list[Any], run: Run) -> tuple[LogRecord, LogRecord]:
    """Return the record with a text and the one with a structured body; both in the span."""
    records = [r for group in groups for scope in group.scope_logs for r in scope.log_records]
    assert {(r.trace_id.hex(), r.span_id.hex()) for r in records} == {(run.trace_id, run.span_id)}
    text, structured = sorted(records, key=lambda record: record.severity_number)
    return text, structured


@every_client
def test_log_records_arrive_with_their_span(client: Client, runs: Runs, sent_logs: Sent) -> None:
    run = ran(runs, client)
    text, structured = records_of_run(sent_logs[run.service], run)
    assert (text.severity_number, text.severity_text) == (9, "INFO")
    assert text.body.string_value == "héllo 🌍"
    assert text.event_name == "happened"
    assert 0 < text.time_unix_nano <= text.observed_time_unix_nano + 1_000_000_000
    of_javascript = {"int": {"intValue": str(MAX_SAFE_INTEGER)}}
    javascript = client.language == "javascript"
    assert attributes_of(text) == RECORD_ATTRIBUTES | (of_javascript if javascript else {})

    assert structured.severity_number == 17
    assert structured.observed_time_unix_nano > 0
    body = msgspec.json.decode(request_to_json(structured.body))["kvlistValue"]["values"]
    assert {pair["key"]: pair["value"] for pair in body} == STRUCTURED


@every_client
def test_what_an_sdk_sends_can_be_rebuilt_from_its_rows(
    client: Client, runs: Runs, sent_metrics: Sent, sent_logs: Sent
) -> None:
    """That the engine gives rows back as they were is shown by drawn requests."""
    service, now_ns = ran(runs, client).service, time.time_ns()
    metrics = ExportMetricsServiceRequest(resource_metrics=sent_metrics[service])
    tables = {table.name: new_batch(table) for table in METRIC_TABLES}
    value, window = metrics.SerializeToString(), time_window(90, now_ns)
    assert decode_metrics(value, 0, window, tables, NewRows()) == []
    rows = {name: rows_of(batch) for name, batch in tables.items()}
    assert canonical_metrics([rebuild_metrics(rows)]) == canonical_metrics([metrics])

    logs = ExportLogsServiceRequest(resource_logs=sent_logs[service])
    records = new_batch(LOG_TABLE)
    assert decode_logs(logs.SerializeToString(), 0, window, records) == []
    assert canonical_logs([rebuild_logs(rows_of(records))]) == canonical_logs([logs])
