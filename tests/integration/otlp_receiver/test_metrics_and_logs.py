"""Metrics and logs at a running receiver are answered as spans are.

The table of answers is the same code for every signal (`test_status_table.py` asks for all of it);
here are the rows that a signal has a part in.
"""

import re
from dataclasses import dataclass

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    Metric,
)

from integration.otlp_receiver.agents import (
    LOGS,
    METRICS,
    Receiver,
    Signal,
    held,
)
from integration.otlp_receiver.conftest import MAX_REQUEST_BYTES
from integration.otlp_receiver.outcomes import CODE, TRANSPORTS, send
from integration.otlp_receiver.signal_requests import (
    BAD,
    metric,
    metrics_request,
    rejected_in,
    request_of,
)
from log_generation import records_of

transports = pytest.mark.parametrize("transport", TRANSPORTS)
signals = pytest.mark.parametrize("signal", [METRICS, LOGS], ids=["metrics", "logs"])


@dataclass(frozen=True)
class Taken:
    """A request that is answered OK, with what `partial_success` says."""

    names: tuple[str, ...]
    rejected: int = 0
    says: str = ""


TAKEN = {
    "accepted": Taken(("a", "b")),
    "accepted, nothing in it": Taken(()),
    "part rejected": Taken(
        ("a", BAD, "b", BAD),
        2,
        r"rejected 2 of 4 (data points|log records): 2 time_zero \(the time is not set\)",
    ),
    "all rejected": Taken((BAD,), 1, r"rejected 1 of 1 (data points|log records): 1 time_zero.*"),
}


@signals
@transports
@pytest.mark.parametrize("case", TAKEN)
def test_what_is_taken_is_not_to_be_sent_again(
    receiver: Receiver, signal: Signal, transport: str, case: str
) -> None:
    expected = TAKEN[case]
    outcome = send(receiver, transport, request_of(signal, *expected.names), signal)
    assert outcome.code is CODE.OK
    assert isinstance(outcome.response, signal.response)
    assert outcome.response.HasField("partial_success") == bool(expected.says)
    assert rejected_in(outcome.response) == expected.rejected
    assert re.fullmatch(expected.says, outcome.response.partial_success.error_message)


WARNINGS = {
    "an exemplar's id": (
        METRICS,
        lambda: metrics_request(metric("sum", "m", {"exemplars": [Exemplar(span_id=b"short")]})),
        r"changed 1 data points: 1 exemplar_id_length \([^)]+\)",
    ),
    "a metric of a type to come": (
        METRICS,
        lambda: metrics_request(Metric(name="new"), metric("gauge", "known", {})),
        "left out 1 metrics without data of a known type",
    ),
    "a record's id": (
        LOGS,
        lambda: with_ids(request_of(LOGS, "r"), b"short"),
        r"changed 1 log records: 1 trace_id_length \([^)]+\)",
    ),
}


def with_ids(request: ExportLogsServiceRequest, trace_id: bytes) -> ExportLogsServiceRequest:
    records_of(request)[0].trace_id = trace_id
    return request


@transports
@pytest.mark.parametrize("case", WARNINGS)
def test_what_is_stored_otherwise_than_sent_is_told(
    receiver: Receiver, transport: str, case: str
) -> None:
    signal, build, says = WARNINGS[case]
    outcome = send(receiver, transport, build(), signal)
    assert rejected_in(outcome.response) == 0
    assert re.fullmatch(says, outcome.response.partial_success.error_message)


@signals
@transports
def test_what_can_never_be_taken_is_refused_for_good(
    receiver: Receiver, signal: Signal, transport: str
) -> None:
    undecodable = send(receiver, transport, b"\xffthis is no request", signal)
    undecodable.assert_refused(CODE.INVALID_ARGUMENT, 400)
    large = request_of(signal, "a", padding="x" * MAX_REQUEST_BYTES)
    send(receiver, transport, large, signal).assert_refused(CODE.RESOURCE_EXHAUSTED, 413)
    flood = send(receiver, transport, FLOODS[signal.path, "json" in transport], signal)
    flood.assert_refused(CODE.RESOURCE_EXHAUSTED, 413)


def flood_of(fields: str, tags: bytes) -> tuple[bytes, bytes]:
    """Return 300,000 empty items in binary and in JSON; the fields lead to them."""
    content = bytes([tags[-1], 0]) * 300_000
    for tag in reversed(tags[:-1]):
        size, length = len(content), bytearray()
        while size >= 0x80:
            length.append(size & 0x7F | 0x80)
            size >>= 7
        content = bytes([tag, *length, size]) + content
    *outer, last = fields.split()
    text = "{}," * 300_000 + "{}"
    for name in (last, *reversed(outer)):
        text = f'{{"{name}":{text}}}' if name == "gauge" else f'{{"{name}":[{text}]}}'
    return content, text.encode()


_METRICS_FLOOD = flood_of(
    "resourceMetrics scopeMetrics metrics gauge dataPoints", b"\x0a\x12\x12\x2a\x0a"
)
_LOGS_FLOOD = flood_of("resourceLogs scopeLogs logRecords", b"\x0a\x12\x12")
FLOODS = {
    (METRICS.path, False): _METRICS_FLOOD[0],
    (METRICS.path, True): _METRICS_FLOOD[1],
    (LOGS.path, False): _LOGS_FLOOD[0],
    (LOGS.path, True): _LOGS_FLOOD[1],
}


@signals
@transports
def test_what_cannot_be_taken_now_is_to_be_sent_again(
    receiver: Receiver, signal: Signal, transport: str
) -> None:
    with held(receiver):
        send(receiver, transport, request_of(signal, "later"), signal).assert_retryable(
            receiver.config.receiver.retry_after_seconds
        )
