"""A line of Python's `logging` inside a span is found from its trace, and its trace from it."""

import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from fleet import Fleet, get_json, wait_until

SERVICE = "logging-agent"
LINE = "tool %s answered after %d ms"


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("test_logging_in_a_span")
    logger.setLevel(logging.INFO)
    yield logger
    logger.handlers.clear()


def log_in_a_span(started: Fleet, logger: logging.Logger) -> tuple[str, str]:
    """Log one line inside a span; returns the ids of the trace and the span."""
    endpoint = f"http://127.0.0.1:{started.ports.otlp_grpc}"
    resource = Resource.create({"service.name": SERVICE})
    spans, logs = TracerProvider(resource=resource), LoggerProvider(resource=resource)
    spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint, insecure=True)))
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(endpoint, insecure=True)))
    logger.addHandler(LoggingHandler(logger_provider=logs))
    with spans.get_tracer("scope").start_as_current_span("execute_tool") as span:
        logger.warning(LINE, "Web-Search", 17, extra={"gen_ai.tool.name": "Web-Search"})
    for provider in (spans, logs):
        assert provider.force_flush()
        provider.shutdown()
    context = span.get_span_context()
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


# The SDK's own handler is about to move to a package of its own.
@pytest.mark.filterwarnings("ignore:.LoggingHandler. in .opentelemetry-sdk.:DeprecationWarning")
def test_the_line_is_found_from_its_trace_and_the_trace_from_the_line(
    started: Fleet, logger: logging.Logger
) -> None:
    trace_id, span_id = log_in_a_span(started, logger)
    from_trace = f"{started.query_url}/traces/{trace_id}/logs"
    wait_until(lambda: get_json(from_trace)["items"], "the line is stored")

    (line,) = get_json(from_trace)["items"]
    assert (line["trace_id"], line["span_id"]) == (trace_id, span_id)
    assert line["body"] == "tool Web-Search answered after 17 ms"
    assert (line["severity_number"], line["severity_text"]) == (13, "WARN")
    assert line["service_name"] == SERVICE

    text = quote("web-search ANSWERED")
    found = get_json(f"{started.query_url}/logs?service={SERVICE}&severity=WARN&q={text}")
    assert found["items"] == [line]
    by_tool = get_json(f"{started.query_url}/logs?service={SERVICE}&tool=Web-Search")
    assert by_tool["items"] == [line]
    (span,) = get_json(f"{started.query_url}/traces/{line['trace_id']}")["items"]
    assert (span["span_id"], span["span_name"]) == (span_id, "execute_tool")
