"""`GET /api/v1/semconv/coverage`, against spans with known attributes."""

import time
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue

from integration.query.api_client import Api
from integration.query.known_spans import SECOND, store
from rak_libs.clickhouse.connection import connect
from rak_libs.model.attribute_keys import attribute_keys_of_batch
from rak_libs.model.promotion import PROMOTION_VERSION
from rak_libs.model.time_text import format_time
from rak_libs.runtime.settings import ClickHouseSettings

PATH = "/api/v1/semconv/coverage"
HOUR = 3_600 * SECOND
BEGIN = time.time_ns() // HOUR * HOUR - 5 * HOUR
"""The hour in which the spans of these tests begin; no other test's spans have these services."""

VALUES = {
    "gen_ai.new.text": AnyValue(string_value="x"),
    "gen_ai.new.count": AnyValue(int_value=1),
    "gen_ai.new.share": AnyValue(double_value=0.5),
    "gen_ai.new.truth": AnyValue(bool_value=True),
    "gen_ai.new.list": AnyValue(array_value=ArrayValue()),
    "gen_ai.request.model": AnyValue(string_value="m"),
    "gen_ai.request.temperature": AnyValue(double_value=0.5),
    "gen_ai.prompt.0.content": AnyValue(string_value="hello"),
    "http.route": AnyValue(string_value="/"),
    "gen_aim": AnyValue(string_value="of another namespace"),
}
UNKNOWN = sorted(key for key in VALUES if key.startswith("gen_ai.new."))


def request_of(
    service: str, scope: tuple[str, str], spans: list[tuple[int, list[str]]]
) -> ExportTraceServiceRequest:
    """Spans of (offset in nanoseconds, keys of its attributes)."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = service
    group = resource.scope_spans.add()
    group.scope.name, group.scope.version = scope
    for number, (offset, keys) in enumerate(spans, 1):
        group.spans.add(
            trace_id=b"coverage" * 2,
            span_id=number.to_bytes(8, "big"),
            start_time_unix_nano=BEGIN + offset,
            attributes=[KeyValue(key=key, value=VALUES[key]) for key in keys],
        )
    return request


@pytest.fixture(scope="module")
def spans(clickhouse: ClickHouseSettings) -> None:
    """Two instrumentations of one service and one of another, over two hours."""
    now = time.time_ns()
    everything = list(VALUES)
    several = [(0, everything), (5, ["gen_ai.new.text"]), (HOUR, ["gen_ai.new.text"])]
    store(clickhouse, request_of("coverage a", ("new", "2.0"), several), now)
    store(clickhouse, request_of("coverage a", ("old", ""), [(7, ["gen_ai.new.text"])]), now)
    store(clickhouse, request_of("coverage b", ("new", "2.0"), [(9, ["gen_ai.new.count"])]), now)


def row(key: str, scope: tuple[str, str], count: int, first: int, last: int) -> dict[str, Any]:
    return {
        "key": key,
        "service_name": "coverage a",
        "scope_name": scope[0],
        "scope_version": scope[1],
        "spans": count,
        "first_seen": format_time(BEGIN + first),
        "last_seen": format_time(BEGIN + last),
        "known": False,
        "generation": "",
        "column": "",
    }


PERIOD = {"start": str(BEGIN), "end": str(BEGIN + 2 * HOUR)}
OF_A = [
    *(row(key, ("new", "2.0"), 1, 0, 0) for key in UNKNOWN if key != "gen_ai.new.text"),
    row("gen_ai.new.text", ("new", "2.0"), 3, 0, HOUR),
    row("gen_ai.new.text", ("old", ""), 1, 7, 7),
]


@pytest.mark.usefixtures("spans")
def test_keys_that_no_rule_knows_are_listed_with_who_sends_them(api: Api) -> None:
    """Of every type, on pages of any size; other attributes are nobody's business here."""
    expected = sorted(OF_A, key=lambda each: (each["key"], each["scope_name"]))
    for limit in ("1", "4", "50"):
        asked = {**PERIOD, "service": "coverage a", "limit": limit}
        assert api.items(PATH, asked) == expected
    page = api.page(PATH, {**PERIOD, "service": "coverage b"})
    assert [(each["key"], each["spans"]) for each in page["items"]] == [("gen_ai.new.count", 1)]
    assert (page["complete"], page["promotion_version"]) == (True, PROMOTION_VERSION)


@pytest.mark.usefixtures("spans")
@pytest.mark.parametrize(("order", "column"), [("-spans", "spans"), ("-last_seen", "last_seen")])
def test_rows_come_in_the_order_asked_for(api: Api, order: str, column: str) -> None:
    ties = sorted(OF_A, key=lambda each: (each["key"], each["scope_name"]))
    expected = sorted(ties, key=lambda each: each[column], reverse=True)
    for limit in ("1", "3", "50"):
        asked = {**PERIOD, "service": "coverage a", "order": order, "limit": limit}
        assert api.items(PATH, asked) == expected


@pytest.mark.usefixtures("spans")
def test_known_keys_are_shown_on_request_with_what_becomes_of_them(api: Api) -> None:
    items = api.items(PATH, {**PERIOD, "service": "coverage a", "known": "all"})
    known = {each["key"]: (each["generation"], each["column"]) for each in items if each["known"]}
    assert known == {
        "gen_ai.request.model": ("gen_ai up to 1.36", "llm_request_model"),
        "gen_ai.request.temperature": ("gen_ai up to 1.36", ""),
        "gen_ai.prompt.0.content": ("openllmetry", ""),
    }
    assert sorted({each["key"] for each in items} - known.keys()) == UNKNOWN


@pytest.mark.usefixtures("spans")
def test_times_count_by_the_whole_hour(api: Api) -> None:
    asked = {"start": str(BEGIN + HOUR + 5), "end": str(BEGIN + HOUR + 6), "service": "coverage a"}
    assert api.items(PATH, asked) == [row("gen_ai.new.text", ("new", "2.0"), 1, HOUR, HOUR)]


def test_an_insert_that_is_repeated_counts_once(api: Api, clickhouse: ClickHouseSettings) -> None:
    """As a writer repeats one of unknown outcome; what it mends adds nothing either."""
    with connect(clickhouse) as client:
        for _ in range(2):
            client.execute(
                "INSERT INTO spans (trace_id, timestamp, service_name, attributes_int, _batch) "
                f"SELECT repeat('c', 32), fromUnixTimestamp64Nano({BEGIN}), 'coverage c', "
                "map('gen_ai.new.count', number), 77 FROM numbers(3) "
                "SETTINGS insert_deduplication_token = 'coverage', "
                "deduplicate_blocks_in_dependent_materialized_views = 1"
            )
        client.execute(attribute_keys_of_batch(77, BEGIN, BEGIN))
        asked = {**PERIOD, "service": "coverage c"}
        (found,) = api.items(PATH, asked)
        assert (found["key"], found["spans"]) == ("gen_ai.new.count", 3)
        client.execute("OPTIMIZE TABLE attribute_keys FINAL")
    assert api.items(PATH, asked) == [found]


def test_a_batch_whose_view_failed_is_made_known(api: Api, clickhouse: ClickHouseSettings) -> None:
    with connect(clickhouse) as client:
        client.execute("DETACH TABLE attribute_keys_feed")
        try:
            client.execute(
                "INSERT INTO spans (trace_id, timestamp, service_name, attributes_int, _batch) "
                f"SELECT repeat('d', 32), fromUnixTimestamp64Nano({BEGIN + 5}), 'coverage d', "
                "map('gen_ai.new.count', 1), 78"
            )
        finally:
            client.execute("ATTACH TABLE attribute_keys_feed")
        client.execute(attribute_keys_of_batch(78, BEGIN + 5, BEGIN + 5))
    (found,) = api.items(PATH, {**PERIOD, "service": "coverage d"})
    assert (found["key"], found["first_seen"]) == ("gen_ai.new.count", format_time(BEGIN + 5))
