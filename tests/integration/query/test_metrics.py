"""Lists of metrics, labels and exemplars, matchers, and what cannot be answered, over HTTP."""

import time
from dataclasses import replace

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_DELTA

from integration.metric_queries.known_metrics import DAY, batch_of, store_series
from integration.query.api_client import Api
from integration.query.known_spans import key_values
from metric_oracle import SECOND, Point, Series
from rak_libs.clickhouse.insert import Inserter
from rak_libs.model.batch import new_batch
from rak_libs.model.metrics import METRIC_EXEMPLARS, METRIC_TABLES, ValueType
from rak_libs.model.time_text import format_time
from rak_libs.model.time_window import time_window
from rak_libs.otlp.decode_metrics import decode_metrics
from rak_libs.runtime.settings import ClickHouseSettings

NOON = time.time_ns() // DAY * DAY - 6 * DAY + DAY // 2
PERIOD = {"start": str(NOON), "end": str(NOON + 600 * SECOND)}
MINUTE = {**PERIOD, "step": "10m", "agg": "sum"}


def gauge(number: int, metric: str, value: float, **changes: object) -> Series:
    series = Series(
        fingerprint=2**63 + number,
        metric=metric,
        kind="GAUGE",
        temporality="UNSPECIFIED",
        rows=(Point(at=NOON + number * SECOND, value=value),),
    )
    return replace(series, **changes)


SERIES = [
    gauge(1, "shop.stock", 1.0, labels={"aisle": "a", "a=b": 'say "hi"'}),
    gauge(2, "shop.stock", 2.0, labels={"aisle": "b"}, service="beta"),
    gauge(3, "shop.stock", 4.0, labels={"aisle": "ab\nc"}),
    gauge(4, "shop.stock", 8.0),
    gauge(5, "shop.mixed", 1.0, unit="s"),
    gauge(6, "shop.mixed", 2.0, unit="ms"),
    gauge(7, "shop.mixed", 3.0, kind="COUNTER", temporality="DELTA", unit="s"),
    gauge(8, "query", float("inf")),
    gauge(9, "shop/δ metric", 1.0),
]
MATCHES = {
    (): 15,
    ("aisle=a",): 1,
    ("aisle!=a",): 14,
    ("aisle=",): 8,
    ("aisle!=",): 7,
    ("aisle=~a|b",): 3,
    ("aisle=~a",): 1,
    ("aisle=~ab.c",): 4,
    ("aisle!~a.*",): 10,
    ("aisle=~.*",): 15,
    ("aisle!=a", "aisle!=b"): 12,
    ('"a=b"="say \\"hi\\""',): 1,
    ("service_name=beta",): 2,
    ("resource.host.name=host-beta",): 2,
    ("resource.port=80",): 15,
    ("fingerprint=8000000000000004",): 8,
    ("no.such.label=~.+",): None,
}


@pytest.fixture(scope="module")
def stored(clickhouse: ClickHouseSettings) -> list[Series]:
    store_series(clickhouse, SERIES, inserts=1)
    return SERIES


def test_metrics_are_listed_by_name_with_what_they_are(api: Api, stored: list[Series]) -> None:
    for limit in ("1", "100"):
        items = api.items("/api/v1/metrics", {**PERIOD, "q": "SHOP", "limit": limit})
        assert [(each["metric_name"], each["metric_type"], each["unit"]) for each in items] == [
            ("shop.mixed", "COUNTER", "s"),
            ("shop.mixed", "GAUGE", "ms"),
            ("shop.mixed", "GAUGE", "s"),
            ("shop.stock", "GAUGE", "1"),
            ("shop/δ metric", "GAUGE", "1"),
        ]
        assert items[3] == {
            "metric_name": "shop.stock",
            "metric_type": "GAUGE",
            "unit": "1",
            "temporality": "UNSPECIFIED",
            "description": "about shop.stock",
            "services": ["alpha", "beta"],
            "series": 4,
            "last_seen": format_time(NOON + 4 * SECOND),
        }
    (only,) = api.items("/api/v1/metrics", {**PERIOD, "prefix": "shop.s"})
    assert only["metric_name"] == "shop.stock"
    assert api.items("/api/v1/metrics", {**PERIOD, "prefix": "hop"}) == []
    (beta,) = api.items("/api/v1/metrics", {**PERIOD, "q": "shop", "service": "beta"})
    assert (beta["series"], beta["services"]) == (1, ["beta"])


def test_labels_and_their_texts_are_listed(api: Api, stored: list[Series]) -> None:
    asked = {**PERIOD, "name": "shop.stock"}
    for limit in ("2", "50"):
        labels = api.items("/api/v1/metrics/labels", {**asked, "limit": limit})
        assert {each["label"]: (each["values"], each["series"]) for each in labels} == {
            "a=b": (1, 1),
            "aisle": (3, 3),
            "resource.host.name": (2, 4),
            "resource.port": (1, 4),
            "service_name": (2, 4),
        }
        path = "/api/v1/metrics/label-values"
        texts = api.items(path, {**asked, "label": "aisle", "limit": limit})
        assert [each["value"] for each in texts] == ["a", "ab\nc", "b"]
        hosts = api.items(path, {**asked, "label": "resource.host.name", "limit": limit})
        assert [tuple(each.values()) for each in hosts] == [("host-alpha", 3), ("host-beta", 1)]


@pytest.mark.parametrize(("matchers", "total"), MATCHES.items(), ids=map(str, MATCHES))
def test_matchers_choose_series(
    api: Api, stored: list[Series], matchers: tuple[str, ...], total: float | None
) -> None:
    asked = [*MINUTE.items(), ("name", "shop.stock"), *(("match", each) for each in matchers)]
    items = api.page("/api/v1/metrics/query", asked)["items"]
    assert [each["values"] for each in items] == ([] if total is None else [[total]])


def test_every_label_tells_groups_apart_and_a_missing_one_is_no_label(
    api: Api, stored: list[Series]
) -> None:
    page = api.page("/api/v1/metrics/query", {**MINUTE, "name": "shop.stock", "by": "*"})
    assert [(each["labels"], each["values"], each["series"]) for each in page["items"]] == [
        ({"service_name": "alpha", "a=b": 'say "hi"', "aisle": "a"}, [1.0], 1),
        ({"service_name": "alpha", "aisle": "ab\nc"}, [4.0], 1),
        ({"service_name": "beta", "aisle": "b"}, [2.0], 1),
        ({"service_name": "alpha"}, [8.0], 1),
    ]
    asked = [*MINUTE.items(), ("name", "shop.stock"), ("by", "aisle"), ("top", "2")]
    page = api.page("/api/v1/metrics/query", asked)
    assert [(each["labels"], each["values"]) for each in page["items"]] == [
        ({"aisle": ""}, [8.0]),
        ({"aisle": "ab\nc"}, [4.0]),
    ]
    assert (page["groups"], page["complete"], page["resolution"]) == (4, True, "raw")


def test_kinds_and_units_are_never_mixed(api: Api, stored: list[Series]) -> None:
    items = api.page("/api/v1/metrics/query", {**MINUTE, "name": "shop.mixed"})["items"]
    assert [(each["metric_type"], each["unit"], each["values"]) for each in items] == [
        ("COUNTER", "s", [3.0]),
        ("GAUGE", "ms", [2.0]),
        ("GAUGE", "s", [1.0]),
    ]
    refused = api.get("/api/v1/metrics/query", {**MINUTE, "name": "shop.mixed", "agg": "rate"})
    assert refused.status == 422
    assert "stored as GAUGE" in refused.json["detail"]
    assert "type=COUNTER" in refused.json["detail"]
    asked = {**MINUTE, "name": "shop.mixed", "agg": "rate", "type": "counter"}
    assert api.page("/api/v1/metrics/query", asked)["items"][0]["values"] == [3.0 / 600]


def test_a_number_that_json_lacks_is_named_and_a_metric_may_be_called_query(
    api: Api, stored: list[Series]
) -> None:
    items = api.page("/api/v1/metrics/query", {**MINUTE, "name": "query"})["items"]
    assert [each["values"] for each in items] == [["Infinity"]]
    asked = {**MINUTE, "name": "shop/δ metric", "step": "5m"}
    (item,) = api.page("/api/v1/metrics/query", asked)["items"]
    assert item["values"] == [1.0, None]


def test_all_of_time_may_be_asked_for(api: Api, stored: list[Series]) -> None:
    always = {"start": "0", "end": "2262-01-01T00:00:00Z"}
    listed = api.items("/api/v1/metrics", {**always, "prefix": "shop.stock"})
    assert [each["series"] for each in listed] == [4]
    page = api.page("/api/v1/metrics/query", {**always, "name": "shop.stock", "agg": "sum"})
    assert len(page["timestamps"]) <= 250 + 1
    assert [value for value in page["items"][0]["values"] if value is not None] == [15.0]
    assert api.items("/api/v1/metrics/exemplars", {**always, "name": "no.such"}) == []


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ({"match": "aisle"}, "match"),
        ({"match": "aisle=~("}, "match"),
        ({"step": "0s"}, "step"),
        ({"step": "10ms"}, "step"),
        ({"step": "1500us"}, "step"),
        ({"step": "1m", "window": "90s"}, "window"),
        ({"agg": "median"}, "agg"),
        ({"agg": "p101"}, "agg"),
        ({"agg": "p50", "across": "sum"}, "across"),
        ({"end": PERIOD["start"]}, "start"),
    ],
)
def test_what_is_wrong_with_a_question_is_named(
    api: Api, stored: list[Series], changes: dict[str, str], parameter: str
) -> None:
    answer = api.get("/api/v1/metrics/query", {**MINUTE, "name": "shop.stock", **changes})
    assert (answer.status, answer.json["parameter"]) == (400, parameter)


def test_too_many_values_are_refused(api: Api, clickhouse: ClickHouseSettings) -> None:
    crowd = [gauge(1_000 + n, "crowd", 1.0, labels={"number": str(n)}) for n in range(101)]
    store_series(clickhouse, crowd, inserts=1)
    until = NOON + 2_000 * SECOND
    asked = {"name": "crowd", "agg": "avg", "by": "number", "end": str(until), "step": "1s"}
    windows = {"start": str(until - 10_000 * SECOND)}
    answer = api.get("/api/v1/metrics/query", {**asked, **windows})
    assert (answer.status, answer.json["title"]) == (422, "The question is too large")
    assert "100 groups" in answer.json["detail"]
    fewer = {**asked, **windows, "match": "number!=7"}
    assert api.page("/api/v1/metrics/query", fewer)["groups"] == 100


def test_exemplars_lead_from_points_to_traces(
    api: Api, clickhouse: ClickHouseSettings, stored: list[Series]
) -> None:
    rows = [
        {
            "metric_name": "shop.stock",
            "fingerprint": series.fingerprint,
            "timestamp": NOON + number * SECOND,
            "position": 0,
            "exemplar_timestamp": NOON + number * SECOND - 5,
            "value": float(2**53),
            "value_remainder": number,
            "value_type": [ValueType.INT, ValueType.DOUBLE, ValueType.NONE][number],
            "trace_id": "ab" * 16 if number else "",
            "span_id": "cd" * 8 if number else "",
            "attributes": '{"basket":7}',
        }
        for number, series in enumerate(SERIES[:3])
    ]
    inserter = Inserter(clickhouse)
    for _ in range(2):
        inserter.insert(METRIC_EXEMPLARS, batch_of(METRIC_EXEMPLARS, rows), {})
    inserter.close()
    for limit in ("1", "50"):
        asked = {**PERIOD, "name": "shop.stock", "limit": limit}
        items = api.items("/api/v1/metrics/exemplars", asked)
        assert [each["value"] for each in items] == [None, float(2**53), 2**53]
        assert [each["trace_id"] for each in items] == ["ab" * 16, "ab" * 16, ""]
    assert items[1] == {
        "timestamp": format_time(NOON + SECOND - 5),
        "point_timestamp": format_time(NOON + SECOND),
        "value": float(2**53),
        "trace_id": "ab" * 16,
        "span_id": "cd" * 8,
        "attributes": {"basket": 7},
        "metric_type": "GAUGE",
        "unit": "1",
        "service_name": "beta",
        "labels": {"aisle": "b"},
        "fingerprint": "8000000000000002",
    }
    found = api.items("/api/v1/metrics/exemplars", {**asked, "service": "beta"})
    assert [each["service_name"] for each in found] == ["beta"]
    assert api.get("/api/v1/metrics/exemplars", {**asked, "match": "a=~("}).status == 400


def test_what_an_agent_sends_is_found_by_its_labels(
    api: Api, clickhouse: ClickHouseSettings
) -> None:
    """From a request to answers, through the decoder."""
    store_request(clickhouse, agents_request())
    labels = [("by", "code"), ("by", "cached"), ("by", "resource.host.name"), ("by", "agent_name")]
    asked = [*MINUTE.items(), ("name", "agent.calls"), ("match", "code=200"), *labels]
    (item,) = api.page("/api/v1/metrics/query", [*asked, ("user", "ann")])["items"]
    assert item["values"] == [7.0]
    assert item["labels"] == {
        "code": "200",
        "cached": "true",
        "resource.host.name": 'the "host"',
        "agent_name": "planner",
    }
    (exemplar,) = api.items("/api/v1/metrics/exemplars", {**PERIOD, "name": "agent.calls"})
    assert (exemplar["value"], exemplar["trace_id"]) == (3, "12" * 16)
    assert exemplar["attributes"] == {"why": [1, 2.0]}
    assert exemplar["labels"]["code"] == "200"
    (row,) = api.items("/api/v1/metrics", {**PERIOD, "prefix": "agent.calls"})
    assert (row["metric_type"], row["temporality"], row["unit"]) == ("COUNTER", "DELTA", "{call}")
    names = api.items("/api/v1/metrics/labels", {**PERIOD, "name": "agent.calls"})
    assert {"cached", "code", "resource.host.name"} <= {each["label"] for each in names}


def agents_request() -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    resource = {"service.name": "alpha", "host.name": 'the "host"', "agent_name": "planner"}
    group.resource.attributes.extend(key_values(resource))
    metric = group.scope_metrics.add().metrics.add(name="agent.calls", unit="{call}")
    metric.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_DELTA
    metric.sum.is_monotonic = True
    point = metric.sum.data_points.add(time_unix_nano=NOON + SECOND, as_int=7)
    point.attributes.extend(key_values({"code": 200, "cached": True, "user.id": "ann"}))
    exemplar = point.exemplars.add(time_unix_nano=NOON, as_int=3, trace_id=b"\x12" * 16)
    exemplar.filtered_attributes.extend(key_values({"why": [1, 2.0]}))
    return request


def store_request(settings: ClickHouseSettings, request: ExportMetricsServiceRequest) -> None:
    """Store a request as the writer does."""
    now = time.time_ns()
    batches = {table.name: new_batch(table) for table in METRIC_TABLES}
    value = request.SerializeToString()
    window = time_window(30, now)
    assert not decode_metrics(value, now // 1_000_000, window, batches, lambda *_: True)
    inserter = Inserter(settings)
    for table in METRIC_TABLES:
        if batches[table.name].rows:
            inserter.insert(table, batches[table.name], {})
    inserter.close()
