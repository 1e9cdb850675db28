"""A stream of numbered spans: what was acknowledged is remembered, so that loss can be counted."""

import threading
import time
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from fleet import Fleet, post_traces, select


def numbered_request(
    service: str, first: int, count: int, padding: str = ""
) -> ExportTraceServiceRequest:
    """Build `count` spans of one service whose attribute `number` counts from `first`."""
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    name = resource_spans.resource.attributes.add(key="service.name")
    name.value.string_value = service
    spans = resource_spans.scope_spans.add().spans
    now_ns = time.time_ns()
    for number in range(first, first + count):
        span = spans.add(
            trace_id=(now_ns << 40 | number // 50 + 1).to_bytes(16, "big"),
            span_id=(number + 1).to_bytes(8, "big"),
            name="numbered",
            start_time_unix_nano=now_ns + number,
            end_time_unix_nano=now_ns + number + 1000,
        )
        span.attributes.add(key="number").value.int_value = number
        if padding:
            span.attributes.add(key="padding").value.string_value = f"{number}{padding}"
    return request


@dataclass
class Stream:
    """Sends numbered spans from a thread of its own, at a bounded rate, until told to stop.

    Attributes:
        url: The receiver's OTLP/HTTP address.
        service: The service name of every span of this stream.
        total: Spans to send in all, None for until `stop()`.
        per_request: Spans in a request.
        per_second: Spans a second at most, None for as fast as it goes.
        padding: What every span carries beside its number.
    """

    url: str
    service: str
    total: int | None = None
    per_request: int = 500
    per_second: int | None = None
    padding: str = ""
    acknowledged: int = 0
    failure: Exception | None = None
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> "Stream":
        self._thread = threading.Thread(target=self._run, name=self.service)
        self._thread.start()
        return self

    def wait(self) -> int:
        """Wait until everything is sent; returns how many spans were acknowledged."""
        assert self._thread is not None
        self._thread.join()
        if self.failure is not None:
            raise self.failure
        return self.acknowledged

    def stop(self) -> int:
        self._stopping.set()
        return self.wait()

    def _run(self) -> None:
        started = time.monotonic()
        try:
            while not self._stopping.is_set():
                if self.total is not None and self.acknowledged >= self.total:
                    return
                request = numbered_request(
                    self.service, self.acknowledged, self.per_request, self.padding
                )
                post_traces(self.url, request.SerializeToString())
                self.acknowledged += self.per_request
                if self.per_second:
                    ahead = self.acknowledged / self.per_second - (time.monotonic() - started)
                    self._stopping.wait(max(0.0, ahead))
        except Exception as error:  # noqa: BLE001  handed to the test by wait()
            self.failure = error


def missing(started: Fleet, service: str, acknowledged: int) -> int:
    """Count the acknowledged numbers of a stream that are not stored."""
    ((stored,),) = select(
        started,
        "SELECT uniqExact(attributes_int['number']) FROM telemetry.spans "
        f"WHERE service_name = '{service}' AND attributes_int['number'] < {acknowledged}",
    )
    return acknowledged - int(stored)
