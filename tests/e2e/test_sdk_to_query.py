"""A span sent through the OpenTelemetry SDK is found by the query service, whole."""

import math
import time
import urllib.request
from typing import Any

import msgspec
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from fleet import Fleet, get_json, http_status, wait_until

ATTRIBUTES: dict[str, Any] = {
    "text": "plain",
    "text.empty": "",
    "text.unicode": "héllo 🌍 \u0000 end",
    "flag.true": True,
    "flag.false": False,
    "int.beyond_2_53": 2**53 + 1,
    "int.smallest": -(2**63),
    "double": 0.1,
    "double.whole": 3.0,
    "bytes": b"\x00\xffraw",
    "list.text": ["a", "", "ü"],
    "list.int": [1, 2**62],
    "list.empty": [],
    "map": {"inner": {"deep": [1, 2.5, "x", True]}, "empty": {}},
}


def exporter(transport: str, started: Fleet) -> SpanExporter:
    if transport == "grpc":
        endpoint = f"http://127.0.0.1:{started.ports.otlp_grpc}"
        return GrpcExporter(endpoint=endpoint, insecure=True)
    return HttpExporter(endpoint=started.otlp_http_url, compression=Compression.Gzip)


def send(transport: str, started: Fleet) -> tuple[str, str]:
    """Send one span with every attribute type; returns its trace id and span id."""
    provider = TracerProvider(resource=Resource.create({"service.name": f"sdk-{transport}"}))
    provider.add_span_processor(BatchSpanProcessor(exporter(transport, started)))
    linked = SpanContext(2**120 + 5, 2**60 + 7, is_remote=True, trace_flags=TraceFlags(1))
    span = provider.get_tracer("scope", "1.0", attributes={"scope.kind": "test"}).start_span(
        "everything", kind=SpanKind.CLIENT, attributes=ATTRIBUTES, links=[Link(linked, {"l": 1})]
    )
    span.add_event("happened", {"count": 7})
    span.set_status(Status(StatusCode.ERROR, "told so"))
    span.end()
    assert provider.force_flush()
    provider.shutdown()
    context = span.get_span_context()
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


def otlp_value(value: dict[str, Any]) -> object:
    """Turn an OTLP JSON AnyValue into the Python value it stands for, types kept."""
    import base64

    ((kind, inner),) = value.items()
    if kind == "arrayValue":
        return [otlp_value(item) for item in inner.get("values", [])]
    if kind == "kvlistValue":
        return {pair["key"]: otlp_value(pair["value"]) for pair in inner.get("values", [])}
    if kind == "intValue":
        return int(inner)
    if kind == "bytesValue":
        return base64.b64decode(inner)
    return inner


@pytest.mark.parametrize("transport", ["grpc", "http-gzip"])
def test_every_attribute_type_arrives_intact(transport: str, started: Fleet) -> None:
    trace_id, span_id = send(transport, started)
    url = f"{started.query_url}/traces/{trace_id}"
    wait_until(lambda: http_status(url) == 200, "the trace is found", seconds=10)

    (item,) = get_json(url)["items"]
    assert item["span_id"] == span_id
    assert (item["span_kind"], item["status_code"]) == ("CLIENT", "ERROR")
    assert item["status_message"] == "told so"

    otlp = get_json(f"{url}?format=otlp")
    (resource_spans,) = otlp["resourceSpans"]
    (scope_spans,) = resource_spans["scopeSpans"]
    (span,) = scope_spans["spans"]
    arrived = {pair["key"]: otlp_value(pair["value"]) for pair in span["attributes"]}
    assert arrived == ATTRIBUTES
    assert [type(arrived[key]) for key in ATTRIBUTES] == [type(v) for v in ATTRIBUTES.values()]
    assert math.isclose(int(span["startTimeUnixNano"]), time.time_ns(), rel_tol=1e-6)
    assert scope_spans["scope"]["attributes"] == [
        {"key": "scope.kind", "value": {"stringValue": "test"}}
    ]
    assert span["links"][0]["spanId"] == f"{2**60 + 7:016x}"
    assert span["events"][0]["name"] == "happened"


def test_what_the_query_service_gives_as_otlp_a_receiver_takes_back(started: Fleet) -> None:
    trace_id, _ = send("grpc", started)
    url = f"{started.query_url}/traces/{trace_id}?format=otlp"
    wait_until(lambda: http_status(url) == 200, "the trace is found", seconds=10)
    with urllib.request.urlopen(url) as response:
        body = response.read()
    request = urllib.request.Request(started.otlp_http_url, data=body, method="POST")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request) as response:
        assert response.status == 200
        assert msgspec.json.decode(response.read()) == {}
