"""What is decoded into columns can be rebuilt from them."""

from hypothesis import HealthCheck, given, settings
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from otlp_generation import canonical, requests
from rak_libs.model.batch import new_batch
from rak_libs.model.spans import SPANS
from rak_libs.model.time_window import time_window
from rak_libs.otlp.decode_spans import decode_spans
from rak_libs.otlp.rebuild_spans import rebuild_traces
from span_rows import rows_of

NOW_NS = 1_800_000_000_000_000_000
WINDOW = time_window(30, NOW_NS)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(requests(NOW_NS))
def test_a_decoded_request_can_be_rebuilt(request: ExportTraceServiceRequest) -> None:
    """The columns lose nothing that `canonical` keeps."""
    batch = new_batch(SPANS)
    assert decode_spans(request.SerializeToString(), 0, WINDOW, batch) == []
    assert canonical(rebuild_traces(rows_of(batch))) == canonical(request)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(requests(NOW_NS), requests(NOW_NS))
def test_messages_pile_up_in_one_batch(
    first: ExportTraceServiceRequest, second: ExportTraceServiceRequest
) -> None:
    """Two messages in a batch are the rows of each, one after the other."""
    together = new_batch(SPANS)
    apart = []
    for request in (first, second):
        value = request.SerializeToString(deterministic=True)
        decode_spans(value, 7, WINDOW, together)
        alone = new_batch(SPANS)
        decode_spans(value, 7, WINDOW, alone)
        apart += rows_of(alone)
    assert repr(rows_of(together)) == repr(apart)
