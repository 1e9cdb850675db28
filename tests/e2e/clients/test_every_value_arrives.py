"""The SDKs of four languages, each protocol with and without gzip: every span arrives, whole."""

from typing import Any

import pytest

from e2e.clients.client_runs import Client, Runs, Scenario, clients, ran
from fleet import Fleet, get_json, lag_is_zero, select, wait_until

SPANS = 520
"""More than fit in one request of any SDK (512)."""

EVERY_CLIENT = clients(("gzip", "none"))

ATTRIBUTES: dict[str, Any] = {
    "text": {"stringValue": "plain"},
    "text.unicode": {"stringValue": "héllo 🌍"},
    "flag": {"boolValue": True},
    "int": {"intValue": str(2**53 + 1)},
    "double": {"doubleValue": 0.1},
    "double.whole": {"doubleValue": 3.0},
    "list.text": {
        "arrayValue": {"values": [{"stringValue": "a"}, {"stringValue": ""}, {"stringValue": "ü"}]}
    },
    "list.flag": {"arrayValue": {"values": [{"boolValue": True}, {"boolValue": False}]}},
    "list.int": {"arrayValue": {"values": [{"intValue": "1"}, {"intValue": "-2"}]}},
    "list.double": {"arrayValue": {"values": [{"doubleValue": 0.5}, {"doubleValue": -2.5}]}},
}
OF_JAVASCRIPT: dict[str, Any] = {
    # Its numbers have 53 bits and no integers apart from them.
    "int": {"intValue": str(2**53 - 1)},
    "double.whole": {"intValue": "3"},
}


@pytest.fixture(scope="module")
def runs(started: Fleet) -> Runs:
    endpoints = {
        "grpc": f"http://127.0.0.1:{started.ports.otlp_grpc}",
        "http": f"http://127.0.0.1:{started.ports.otlp_http}",
    }
    finished = Scenario("values", endpoints, ("--spans", str(SPANS))).run_all(EVERY_CLIENT)
    wait_until(lambda: lag_is_zero(started), "everything is written")
    return finished


@pytest.mark.parametrize("client", EVERY_CLIENT, ids=str)
def test_every_span_arrives_once_with_every_value_and_type(
    client: Client, runs: Runs, started: Fleet
) -> None:
    run = ran(runs, client)
    assert (run.flushed, run.reports) == (True, "")
    stored = f"SELECT count() FROM telemetry.spans WHERE service_name = '{run.service}'"
    assert select(started, stored) == [(SPANS,)]

    answer = get_json(f"{started.query_url}/traces/{run.trace_id}?format=otlp")
    spans = [
        span
        for resource_spans in answer["resourceSpans"]
        for scope_spans in resource_spans["scopeSpans"]
        for span in scope_spans["spans"]
    ]
    attributes = [{pair["key"]: pair["value"] for pair in span["attributes"]} for span in spans]
    numbers = sorted(int(each.pop("number")["intValue"]) for each in attributes)
    assert numbers == list(range(SPANS))
    expected = ATTRIBUTES | (OF_JAVASCRIPT if client.language == "javascript" else {})
    assert all(each == expected for each in attributes), attributes[0]

    (root,) = [span for span in spans if "parentSpanId" not in span]
    children = [span for span in spans if span is not root]
    assert {span["parentSpanId"] for span in children} == {root["spanId"]}
    for span in spans:
        assert (span["name"], span["kind"]) == ("numbered", 3)
        assert span["status"] == {"code": 2, "message": "told so"}
        assert int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]) == 1_000_000
        (event,) = span["events"]
        assert (event["name"], event["timeUnixNano"]) == ("happened", span["startTimeUnixNano"])
        assert event["attributes"] == [{"key": "count", "value": {"intValue": "7"}}]
        (link,) = span["links"]
        assert (link["traceId"], link["spanId"]) == (f"{0xAB:032x}", f"{0xCD:016x}")
        assert link["attributes"] == [{"key": "why", "value": {"stringValue": "retried"}}]
    (scope,) = {
        (scope_spans["scope"]["name"], scope_spans["scope"]["version"])
        for resource_spans in answer["resourceSpans"]
        for scope_spans in resource_spans["scopeSpans"]
    }
    assert scope == ("client", "1.0")
