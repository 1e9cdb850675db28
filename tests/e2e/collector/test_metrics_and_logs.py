"""Metrics and logs pass a Collector in front of us, and one behind us, as spans do."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from e2e.collector.collectors import Sink
from e2e.collector.variants import FrontPorts
from fleet import Fleet, post_traces, select, wait_until
from ledger_items import LOGS, METRICS, Items
from log_generation import canonical_logs
from metric_generation import canonical_metrics

ITEMS = 40
READ: dict[Items, tuple[type[Any], Callable[[Sequence[Any]], Any]]] = {
    METRICS: (ExportMetricsServiceRequest, canonical_metrics),
    LOGS: (ExportLogsServiceRequest, canonical_logs),
}

signals = pytest.mark.parametrize("items", READ, ids=lambda items: items.signal)


def body_of(items: Items, service: str) -> bytes:
    now_ns = time.time_ns()
    return items.encode(service, "agent", {number: now_ns - number for number in range(ITEMS)})


@signals
def test_what_a_collector_publishes_is_stored(
    interoperating: Fleet, front: FrontPorts, items: Items
) -> None:
    service = f"in-{items.signal}"
    post_traces(f"http://127.0.0.1:{front.http}{items.path}", body_of(items, service))
    stored = items.stored.format(name=service)
    sql = f"SELECT count(), countIf(wrong) FROM ({stored})"
    wait_until(lambda: select(interoperating, sql) == [(ITEMS, 0)], "every item is stored")


@signals
def test_what_was_sent_is_handed_on(interoperating: Fleet, behind: Sink, items: Items) -> None:
    service = f"out-{items.signal}"
    body = body_of(items, service)
    post_traces(f"{interoperating.otlp_http}{items.path}", body)
    request_type, canonical = READ[items]

    def handed_on() -> list[Any]:
        mine = [each for path, each in behind.others if path == items.path]
        return [request_type.FromString(each) for each in mine if service.encode() in each]

    wait_until(handed_on, "it is handed on", seconds=60)
    assert canonical(handed_on()) == canonical([request_type.FromString(body)])
