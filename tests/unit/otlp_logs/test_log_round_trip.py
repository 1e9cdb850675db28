"""What is decoded into columns can be rebuilt from them."""

from hypothesis import HealthCheck, given, settings
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from log_generation import canonical_logs, log_requests
from rak_libs.model.batch import new_batch
from rak_libs.model.logs import LOGS
from rak_libs.model.time_window import time_window
from rak_libs.otlp.decode_logs import decode_logs
from rak_libs.otlp.rebuild_logs import rebuild_logs
from span_rows import rows_of

NOW_NS = 1_800_000_000_000_000_000
WINDOW = time_window(30, NOW_NS)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(log_requests(NOW_NS))
def test_a_decoded_request_can_be_rebuilt(request: ExportLogsServiceRequest) -> None:
    """The columns lose nothing that `canonical_logs` keeps."""
    batch = new_batch(LOGS)
    assert decode_logs(request.SerializeToString(), 0, WINDOW, batch) == []
    assert canonical_logs([rebuild_logs(rows_of(batch))]) == canonical_logs([request])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(log_requests(NOW_NS), log_requests(NOW_NS))
def test_messages_pile_up_in_one_batch(
    first: ExportLogsServiceRequest, second: ExportLogsServiceRequest
) -> None:
    """Two messages in a batch are the rows of each, one after the other."""
    together = new_batch(LOGS)
    apart = []
    for request in (first, second):
        value = request.SerializeToString(deterministic=True)
        decode_logs(value, 7, WINDOW, together)
        alone = new_batch(LOGS)
        decode_logs(value, 7, WINDOW, alone)
        apart += rows_of(alone)
    assert repr(rows_of(together)) == repr(apart)
