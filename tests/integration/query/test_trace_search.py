"""`GET /api/v1/traces` against a plain Python filter over the same spans."""

import random
import time
from typing import Any

import pytest

from integration.query.api_client import Api
from integration.query.attribute_texts import QUESTIONS, canonical_text, text_finds
from integration.query.conftest import Corpus
from integration.query.known_spans import (
    PROMOTED,
    SECOND,
    KnownSpan,
    expected_rows,
    request_of,
    shown_row,
    store,
)
from rak_libs.model.time_text import format_time
from rak_libs.runtime.settings import ClickHouseSettings

ORDERS = ["-start", "start", "-duration", "duration"]


def rows_of(api: Api, parameters: dict[str, str]) -> list[dict[str, Any]]:
    return [shown_row(row) for row in api.items("/api/v1/traces", parameters)]


def one_filter_each(spans: list[KnownSpan]) -> list[dict[str, str]]:
    """Every filter alone, with every value that occurs."""
    asked: list[dict[str, str]] = []
    for span in spans:
        asked += [{name: getattr(span, name)} for name in ("service", "name", "kind", "status")]
        asked += [
            {parameter: span.attributes[key]}
            for parameter, key in PROMOTED.items()
            if key in span.attributes
        ]
        asked += [{f"attr.{k}": canonical_text(v)} for k, v in span.attributes.items()]
    return [dict(pairs) for pairs in sorted({tuple(one.items()) for one in asked})]


def test_each_filter_alone_finds_exactly_the_traces_with_such_a_span(
    api: Api, corpus: Corpus
) -> None:
    """Every column filter and every attribute of every type, with all their values."""
    asked = one_filter_each(corpus.spans)
    assert len(asked) > 50
    for one in asked:
        expected = expected_rows(corpus.spans, one, corpus.start, corpus.end)
        assert expected, one
        assert rows_of(api, {**corpus.period, **one}) == expected, one


def test_any_combination_of_filters_holds_on_one_span(api: Api, corpus: Corpus) -> None:
    """200 combinations, most drawn from one span so that something is found."""
    choose = random.Random(11)
    found = 0
    for _ in range(200):
        asked, (start, end), durations, order = combination(choose, corpus)
        expected = expected_rows(corpus.spans, asked, start, end, durations, order)
        found += bool(expected)
        parameters = {
            **asked,
            "start": str(start),
            "end": str(end),
            "min_duration": f"{durations[0]}ns",
            "max_duration": f"{durations[1]}ns",
            "order": order,
            "limit": str(choose.choice([1, 3, 50])) if len(expected) < 12 else "50",
        }
        assert rows_of(api, parameters) == expected, parameters
    assert found > 100


def combination(
    choose: random.Random, corpus: Corpus
) -> tuple[dict[str, str], tuple[int, int], tuple[int, int], str]:
    """Return filters, a time range, bounds of the duration and an order."""
    span, filters = choose.choice(one_span_filters(corpus))
    names = choose.sample(sorted(filters), k=min(len(filters), choose.randint(0, 4)))
    asked = {name: filters[name] for name in names}
    if choose.random() < 0.2:
        _, others = choose.choice(one_span_filters(corpus))
        asked |= {name: others[name] for name in choose.sample(sorted(others), k=1)}
    if choose.random() < 0.3:
        asked["q"] = choose.choice(QUESTIONS)
    if choose.random() < 0.1:
        asked["trace_id"] = span.trace_id
    parts = [(corpus.start, corpus.end), (span.start, span.start + 1), (corpus.start, span.start)]
    low = choose.choice([0, 0, 10_000_000, SECOND])
    high = choose.choice([2**63 - 1, 4 * SECOND, low])
    return asked, choose.choices(parts, [6, 2, 1])[0], (low, high), choose.choice(ORDERS)


def one_span_filters(corpus: Corpus) -> list[tuple[KnownSpan, dict[str, str]]]:
    return [
        (
            span,
            {
                "service": span.service,
                "name": span.name,
                "kind": span.kind,
                "status": span.status,
                **{p: span.attributes[k] for p, k in PROMOTED.items() if k in span.attributes},
                **{f"attr.{k}": canonical_text(v) for k, v in span.attributes.items()},
            },
        )
        for span in corpus.spans
        # An empty text is no filter, and a URL ends somewhere.
        if 0 < len(span.name) < 1_000
    ]


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_text_is_found_in_any_case(api: Api, corpus: Corpus, question: str) -> None:
    """In names, messages and string attributes, under Unicode's full case folding."""
    expected = expected_rows(corpus.spans, {"q": question}, corpus.start, corpus.end)
    assert bool(expected) == (question != "no such text")
    assert rows_of(api, {**corpus.period, "q": question}) == expected


def test_filters_that_only_hold_on_different_spans_find_nothing(
    api: Api, clickhouse: ClickHouseSettings
) -> None:
    """Service of one span and status of another of the same trace do not add up."""
    start = time.time_ns() - 5 * 86_400 * SECOND
    spans = [
        KnownSpan("a" * 32, "1" * 16, start, service="one", status="OK"),
        KnownSpan("a" * 32, "2" * 16, start + 1, service="two", status="ERROR"),
    ]
    store(clickhouse, request_of(spans), time.time_ns())
    period = {"start": str(start), "end": str(start + 2)}
    assert rows_of(api, {**period, "service": "one", "status": "ERROR"}) == []
    assert len(rows_of(api, {**period, "service": "two", "status": "ERROR"})) == 1


def test_a_row_summarises_the_whole_trace_whatever_matched(
    api: Api, clickhouse: ClickHouseSettings
) -> None:
    """Only one span lies in the range and matches; the row speaks of all, over several days."""
    first = time.time_ns() - 9 * 86_400 * SECOND
    trace = [
        KnownSpan("b" * 32, "1" * 16, first, service="root", name="run"),
        KnownSpan(
            "b" * 32,
            "2" * 16,
            first + 3 * 86_400 * SECOND,
            duration=7,
            parent="1" * 16,
            service="leaf",
            status="ERROR",
            attributes={"agent_name": "late"},
        ),
    ]
    for span in (*trace, trace[1]):
        store(clickhouse, request_of([span]), time.time_ns())
    period = {"start": str(trace[1].start), "end": str(trace[1].start + 1)}
    (row,) = rows_of(api, {**period, "agent": "late"})
    assert row == {
        "trace_id": "b" * 32,
        "root_service": "root",
        "root_name": "run",
        "timestamp": first,
        "duration_ns": 3 * 86_400 * SECOND + 7,
        "spans": 2,
        "errors": 1,
        "services": ["leaf", "root"],
        "agents": ["late"],
    }


def test_times_are_exact_to_the_nanosecond(api: Api, corpus: Corpus) -> None:
    """The range is half open, and a row's time keeps all nine digits."""
    span = corpus.spans[0]
    asked = {"trace_id": span.trace_id}
    for start, end in ((0, 1), (1, 2), (-1, 0), (0, 10 * SECOND)):
        expected = expected_rows(corpus.spans, asked, span.start + start, span.start + end)
        period = {"start": str(span.start + start), "end": str(span.start + end)}
        assert rows_of(api, {**asked, **period}) == expected
    page = api.page("/api/v1/traces", asked)
    first = min(s.start for s in corpus.spans if s.trace_id == span.trace_id)
    assert page["items"][0]["timestamp"] == format_time(first)


@pytest.mark.parametrize("order", ORDERS)
def test_pages_together_hold_every_trace_once_and_in_order(
    api: Api, corpus: Corpus, order: str
) -> None:
    """The cursor is exact for every order and page size, equal keys included."""
    expected = expected_rows(corpus.spans, {}, corpus.start, corpus.end, order=order)
    for limit in (3, 40, 79, 80, 81):
        parameters = {**corpus.period, "order": order, "limit": str(limit)}
        pages = list(api.pages("/api/v1/traces", parameters))
        assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
        assert [row["trace_id"] for page in pages for row in page] == [
            row["trace_id"] for row in expected
        ]


def test_without_a_range_the_last_hour_is_searched_and_a_trace_id_searches_everything(
    api: Api, clickhouse: ClickHouseSettings, corpus: Corpus
) -> None:
    """Spans of a clock that runs ahead are found too."""
    now = time.time_ns()
    spans = [
        KnownSpan("c" * 32, "1" * 16, now - 3_700 * SECOND, service="hour"),
        KnownSpan("d" * 32, "1" * 16, now - 3_500 * SECOND, service="hour"),
        KnownSpan("e" * 32, "1" * 16, now + 600 * SECOND, service="hour"),
    ]
    store(clickhouse, request_of(spans), now)
    asked = {"service": "hour"}
    assert [row["trace_id"][0] for row in rows_of(api, asked)] == ["e", "d"]
    assert [row["trace_id"][0] for row in rows_of(api, {**asked, "end": "now"})] == ["d"]
    two_hours = rows_of(api, {**asked, "start": "now-2h"})
    assert [row["trace_id"][0] for row in two_hours] == ["e", "d", "c"]
    old = corpus.spans[0].trace_id
    assert len(rows_of(api, {"trace_id": old.upper()})) == 1


def test_a_relative_range_keeps_its_meaning_on_later_pages(
    api: Api, clickhouse: ClickHouseSettings
) -> None:
    """`now-…` of the first page holds for the walk: what leaves the range meanwhile still comes."""
    now = time.time_ns()
    spans = [
        KnownSpan(f"{number:032x}", "1" * 16, now - 7_000 * SECOND + number, service="walk")
        for number in range(1, 4)
    ]
    store(clickhouse, request_of(spans), now)
    seconds = (time.time_ns() - now) // SECOND + 7_001
    parameters = {"service": "walk", "start": f"now-{seconds}s", "limit": "1"}
    first = api.page("/api/v1/traces", parameters)
    time.sleep(1.2)
    assert api.page("/api/v1/traces", parameters)["items"] == []
    second = api.page("/api/v1/traces", {**parameters, "cursor": first["next_cursor"]})
    assert [row["trace_id"] for row in second["items"]] == [f"{2:032x}"]


def test_special_doubles_are_found_by_their_names(api: Api, clickhouse: ClickHouseSettings) -> None:
    """NaN and the infinities by name or as answers show them; numbers by value."""
    start = time.time_ns() - 4 * 86_400 * SECOND
    values = [float("nan"), float("inf"), float("-inf"), 1e22, -0.0]
    spans = [
        KnownSpan(f"{n:032x}", "1" * 16, start + n, attributes={"special": value})
        for n, value in enumerate(values, 100)
    ]
    store(clickhouse, request_of(spans), time.time_ns())
    period = {"start": str(start), "end": str(start + SECOND)}
    texts = {
        "NaN": 100,
        '{"doubleValue":"NaN"}': 100,
        "Infinity": 101,
        "-Infinity": 102,
        "1e22": 103,
        "10000000000000000000000.0": 103,
        "0.0": 104,
    }
    for text, number in texts.items():
        found = rows_of(api, {**period, "attr.special": text})
        assert [row["trace_id"] for row in found] == [f"{number:032x}"], text
    assert rows_of(api, {**period, "attr.special": "nan"}) == []


def test_the_reference_filter_tells_types_apart() -> None:
    """A check of the check: 1, 1.0, "1", true and [1] are different attribute values."""
    values = [1, 1.0, "1", True, [1], None]
    found = {text: [v for v in values if text_finds(text, v)] for text in ("1", "1.0", "[1]", "")}
    assert repr(found) == "{'1': [1, '1'], '1.0': [1.0], '[1]': [[1]], '': [None]}"
