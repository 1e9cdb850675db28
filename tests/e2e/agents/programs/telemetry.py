"""What every program here starts with: a tracer that exports, and HTTP clients that tell the trace.

The environment has the OpenTelemetry SDK's own variables: the endpoint and the service's name.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import inject
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

COPIES = "EXPORTED_COPIES"
"""How many times every span is sent; a retry by an exporter whose answer was lost sends twice."""


@contextmanager
def telemetry() -> Iterator[trace.Tracer]:
    """Install a tracer provider for the whole process; everything is exported at the end.

    Raises:
        RuntimeError: The receiver did not take everything.
    """
    provider = TracerProvider(resource=Resource.create())
    for _ in range(int(os.environ.get(COPIES, "1"))):
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    yield trace.get_tracer("app")
    if not provider.force_flush():
        raise RuntimeError("the receiver did not take everything")
    provider.shutdown()


def _tell(request: httpx2.Request) -> None:
    carrier: dict[str, str] = {}
    inject(carrier)
    request.headers.update(carrier)


async def _tell_later(request: httpx2.Request) -> None:
    _tell(request)


def http_client() -> httpx2.Client:
    """Return a client whose requests say which span made them (`traceparent`)."""
    return httpx2.Client(event_hooks={"request": [_tell]})


def async_http_client() -> httpx2.AsyncClient:
    """Return the same for programs that await."""
    return httpx2.AsyncClient(event_hooks={"request": [_tell_later]})
