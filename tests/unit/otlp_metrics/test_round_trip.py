"""What is decoded into columns can be rebuilt from them."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from metric_generation import canonical_metrics, metric_requests
from rak_libs.model.batch import new_batch
from rak_libs.model.metrics import METRIC_TABLES
from rak_libs.model.time_window import time_window
from rak_libs.otlp import decode_metrics as decoder
from rak_libs.otlp.decode_metrics import decode_metrics
from rak_libs.otlp.rebuild_metrics import rebuild_metrics
from span_rows import rows_of

NOW_NS = 1_800_000_000_000_000_000
WINDOW = time_window(90, NOW_NS)


def tables_of(*values: bytes) -> dict[str, list[dict[str, Any]]]:
    """Decode messages into one set of batches, every series written with every message."""
    batches = {table.name: new_batch(table) for table in METRIC_TABLES}
    for value in values:
        assert decode_metrics(value, 7, WINDOW, batches, lambda _fingerprint, _day: True) == []
    return {name: rows_of(batch) for name, batch in batches.items()}


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(metric_requests(NOW_NS))
def test_a_decoded_request_can_be_rebuilt(request: ExportMetricsServiceRequest) -> None:
    """The columns lose nothing that `canonical_metrics` keeps."""
    rebuilt = rebuild_metrics(tables_of(request.SerializeToString()))
    assert canonical_metrics([rebuilt]) == canonical_metrics([request])


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(metric_requests(NOW_NS), min_size=2, max_size=3))
def test_messages_pile_up_whatever_was_met_before(
    requests: list[ExportMetricsServiceRequest],
) -> None:
    """Messages in a batch are the rows of each, one after the other; the memo changes none."""
    values = [request.SerializeToString(deterministic=True) for request in requests]
    together = tables_of(*values)
    apart: dict[str, list[dict[str, Any]]] = {table.name: [] for table in METRIC_TABLES}
    for value in values:
        decoder._memo.forget()
        for name, rows in tables_of(value).items():
            apart[name] += rows
    assert repr(together) == repr(apart)
    assert repr(tables_of(*values)) == repr(together)
