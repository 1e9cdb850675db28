"""`GET /api/v1/logs`, its histogram and a trace's logs, against plain Python."""

import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from integration.query.api_client import Api
from integration.query.attribute_texts import canonical_text
from integration.query.conftest import query_service
from integration.query.known_logs import (
    PROMOTED,
    SECOND,
    SEVERITIES,
    KnownRecord,
    Stored,
    expected_answers,
    make_records,
    matches,
    said_of,
    store,
)
from integration.query.known_spans import KnownSpan, request_of
from integration.query.known_spans import store as store_spans
from rak_libs.model.time_text import parse_time
from rak_libs.otlp.otlp_json import request_from_json
from rak_libs.runtime.settings import ClickHouseSettings, Config, QuerySettings

QUESTIONS = [
    *["strasse", "STRASSE", "οδυσσευς", "i\u0307stanbul", "FINE", "100%", '\\ "DONE', "_", "%"],
    *["line\nBREAK", "🦀", "E\u0301", "prompt end", "DEEP", '"a":"ss', "AP8=", "no such text"],
]


@dataclass
class Journal:
    """What is stored."""

    stored: list[Stored]
    start: int
    end: int

    @property
    def period(self) -> dict[str, str]:
        return {"start": str(self.start), "end": str(self.end)}


@pytest.fixture(scope="module")
def journal(clickhouse: ClickHouseSettings) -> Journal:
    """Random records over ten minutes of yesterday, those of a few sent twice."""
    now = time.time_ns()
    start = now - 86_400 * SECOND
    records = make_records(seed=5, count=300, first=start)
    stored = store(clickhouse, records[:150], now)
    stored += store(clickhouse, records[100:], now + 7_000_000)
    return Journal(stored, start, start + 700 * SECOND)


def test_any_combination_of_filters_finds_exactly_the_records_that_meet_them(
    api: Api, journal: Journal
) -> None:
    """80 combinations, most drawn from one record so that something is found."""
    choose = random.Random(3)
    found = 0
    for _ in range(80):
        asked, order = combination(choose, journal)
        expected = expected_answers(journal.stored, asked, order)
        found += bool(expected)
        limit = choose.choice(["7", "40", "40"]) if len(expected) < 12 else "200"
        items = api.items("/api/v1/logs", {**asked, "order": order, "limit": limit})
        assert said_of(items, expected) == expected, asked
    assert found > 40


def combination(choose: random.Random, journal: Journal) -> tuple[dict[str, str], str]:
    record = choose.choice(journal.stored).record
    filters = filters_of(record)
    names = choose.sample(sorted(filters), k=min(len(filters), choose.randint(0, 3)))
    asked = {name: filters[name] for name in names}
    if choose.random() < 0.3:
        others = filters_of(choose.choice(journal.stored).record)
        asked |= {name: others[name] for name in choose.sample(sorted(others), k=1)}
    if choose.random() < 0.3:
        asked["q"] = choose.choice(QUESTIONS)
    if choose.random() < 0.4:
        asked["severity"] = choose.choice([*SEVERITIES, "info", "12"])
    start, end = choose.choices(
        [
            (journal.start, journal.end),
            (record.timestamp, record.timestamp + 1),
            (journal.start, record.timestamp),
        ],
        [6, 2, 1],
    )[0]
    # An empty range is a mistake, not a question.
    period = {"start": str(start), "end": str(max(end, start + 1))}
    return {**asked, **period}, choose.choice(["newest", "oldest"])


def filters_of(record: KnownRecord) -> dict[str, str]:
    """Every filter that a record meets."""
    plain = {
        "service": record.service,
        "event": record.event,
        "trace_id": record.trace_id.upper(),
        "span_id": record.span_id,
        **{name: str(record.attributes.get(key, "")) for name, key in PROMOTED.items()},
    }
    texts = {
        f"attr.{key}": canonical_text(value)
        for key, value in record.attributes.items()
        # A URL ends somewhere.
        if len(str(value)) < 1_000
    }
    filters = {name: text for name, text in plain.items() if text} | texts
    if isinstance(record.body, str) and 0 < len(record.body) < 1_000:
        filters["q"] = record.body.swapcase()
    return filters


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_text_is_found_in_any_case(api: Api, journal: Journal, question: str) -> None:
    """In bodies of every type, under Unicode's full case folding; wildcards mean themselves."""
    asked = {**journal.period, "q": question}
    expected = expected_answers(journal.stored, asked)
    assert bool(expected) == (question not in {"no such text", "_"})
    items = api.items("/api/v1/logs", {**asked, "limit": "300"})
    assert said_of(items, expected) == expected


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_pages_together_hold_every_record_once_and_in_order(
    api: Api, journal: Journal, order: str
) -> None:
    """The cursor is exact for every page size, records of one time included."""
    expected = expected_answers(journal.stored, journal.period, order)
    for limit in (90, 350):
        asked = {**journal.period, "order": order, "limit": str(limit)}
        pages = list(api.pages("/api/v1/logs", asked))
        assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
        assert said_of([item for page in pages for item in page], expected) == expected


def test_records_that_nothing_tells_apart_are_all_walked_over(
    api: Api, clickhouse: ClickHouseSettings
) -> None:
    """One message three times in a batch: a page may end among records with the same columns."""
    now = time.time_ns()
    record = KnownRecord(now - 3 * 86_400 * SECOND, body="again", service="thrice")
    store(clickhouse, [record, record], now, times=3)
    asked = {"service": "thrice", "start": str(record.time), "end": str(record.time + 1)}
    for limit in (1, 4, 6):
        for order in ("newest", "oldest"):
            pages = list(api.pages("/api/v1/logs", {**asked, "limit": str(limit), "order": order}))
            assert sum(map(len, pages)) == 6
            assert len(pages) == -(-6 // limit)


def test_records_of_one_time_that_differ_in_any_way_are_walked_over_in_one_order(
    api: Api, clickhouse: ClickHouseSettings
) -> None:
    """Each in a message of its own, so that only what they say can order them."""
    now = time.time_ns()
    at = now - 6 * 86_400 * SECOND
    records = [KnownRecord(at, body=n, attributes={"n": n}, service="alike") for n in range(7)]
    records += [KnownRecord(at, attributes={"n": n}, service="alike") for n in range(7)]
    stored = [one for record in records for one in store(clickhouse, [record], now)]
    asked = {"service": "alike", "start": str(at), "end": str(at + 1), "limit": "3"}
    walks = [api.items("/api/v1/logs", {**asked, "order": o}) for o in ("newest", "oldest")]
    assert walks[0] == walks[1][::-1]
    found = [(item["body"], item["attributes"]["n"]) for item in walks[0]]
    assert sorted(found, key=repr) == sorted(
        [(one.record.body, one.record.attributes["n"]) for one in stored], key=repr
    )


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_a_walk_sees_what_was_stored_when_it_began(
    api: Api, clickhouse: ClickHouseSettings, order: str
) -> None:
    """Between two pages more comes in, before and behind the place of the walk."""
    now = time.time_ns()
    begin = now - (4 if order == "newest" else 5) * 86_400 * SECOND
    records = [
        KnownRecord(begin + number // 2, body=str(number), service="walked")
        for number in range(0, 40, 2)
    ]
    store(clickhouse, records, now)
    asked = {"service": "walked", "start": str(begin), "end": str(begin + SECOND)}
    walked: list[Any] = []
    for number, page in enumerate(
        api.pages("/api/v1/logs", {**asked, "limit": "3", "order": order})
    ):
        walked += page
        if number < 3:
            text = f"late {number}"
            late = [KnownRecord(begin + at, body=text, service="walked") for at in range(25)]
            store(clickhouse, late, now + number)
    bodies = [record.body for record in records]
    assert [item["body"] for item in walked] == (bodies if order == "oldest" else bodies[::-1])
    assert len(api.items("/api/v1/logs", asked)) == 20 + 3 * 25


def test_without_a_range_the_last_hour_is_searched_and_a_trace_id_searches_everything(
    api: Api, clickhouse: ClickHouseSettings
) -> None:
    """Records of a clock that runs ahead are found too."""
    now = time.time_ns()
    hour = [now - 3_700 * SECOND, now - 3_500 * SECOND, now + 600 * SECOND]
    records = [
        KnownRecord(at, body=str(number), service="hour", trace_id="c" * 32)
        for number, at in enumerate(hour)
    ]
    store(clickhouse, records, now)
    asked = {"service": "hour"}
    for more, found in [({}, "21"), ({"end": "now"}, "1"), ({"start": "now-2h"}, "210")]:
        items = api.items("/api/v1/logs", {**asked, **more})
        assert "".join(item["body"] for item in items) == found
    assert len(api.items("/api/v1/logs", {"trace_id": "C" * 32})) == 3


def test_counts_by_severity_are_those_of_a_plain_count(api: Api, journal: Journal) -> None:
    """With filters and steps of any length; steps without records are left out."""
    for asked in [{}, {"q": "strasse"}, {"service": "alpha", "severity": "INFO"}]:
        for step in (None, 7 * SECOND + 1, 60 * SECOND, 86_400 * SECOND):
            question = {**journal.period, **asked}
            if step is not None:
                question["step"] = f"{step}ns"
            answer = api.page("/api/v1/logs/histogram", question)
            assert answer["step_ns"] == (step or 15 * SECOND)
            assert answer["items"] == plain_counts(journal, question, answer["step_ns"])


def plain_counts(journal: Journal, asked: dict[str, str], step: int) -> list[dict[str, Any]]:
    names = ["unspecified", "trace", "debug", "info", "warn", "error", "fatal"]
    counts: dict[int, Counter[str]] = {}
    for one in journal.stored:
        if matches(one.record, asked):
            begin = one.record.timestamp // step * step
            severity = one.record.severity
            name = names[(severity + 3) // 4 if 0 < severity <= 24 else 0]
            counts.setdefault(begin, Counter())[name] += 1
    return [
        {"timestamp": _time(begin), "records": found.total(), **{n: found[n] for n in names}}
        for begin, found in sorted(counts.items())
    ]


def _time(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, SECOND)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:09d}Z"


def test_a_step_that_is_too_short_for_the_range_is_refused(api: Api) -> None:
    """The problem says which one would do."""
    answer = api.get("/api/v1/logs/histogram", {"start": "now-1d", "end": "now", "step": "1s"})
    assert (answer.status, answer.json["parameter"]) == (400, "step")
    assert "8640000000ns or more" in answer.json["detail"]
    assert api.get("/api/v1/logs/histogram", {"step": "0s"}).status == 400


def test_a_trace_has_its_logs_whatever_their_time(api: Api, clickhouse: ClickHouseSettings) -> None:
    """Over several days, by time, page by page; and as OTLP that a receiver would accept."""
    now = time.time_ns()
    trace = "d" * 32
    days = [20, 3, 3, 0]
    records = [
        KnownRecord(
            now - day * 86_400 * SECOND - SECOND,
            body={"day": day},
            trace_id=trace,
            span_id="1" * 16,
            service=f"svc-{number}",
        )
        for number, day in enumerate(days)
    ]
    store(clickhouse, [*records, KnownRecord(now, trace_id="e" * 32)], now)
    path = f"/api/v1/traces/{trace}/logs"
    for limit in ("1", "3", "10"):
        items = api.items(path, {"limit": limit})
        assert [item["body"]["day"] for item in items] == days
        assert [item["service_name"] for item in items] == [f"svc-{n}" for n in range(4)]
    exported = api.get(path, {"format": "otlp", "limit": "3"})
    assert exported.headers["Link"].startswith(f"<{path}?")
    request = request_from_json(exported.body, ExportLogsServiceRequest)
    assert len(request.resource_logs) == 3
    found = api.get("/api/v1/logs", {"trace_id": trace, "format": "otlp", "order": "oldest"})
    assert "Link" not in found.headers
    times = [
        record.time_unix_nano
        for group in request_from_json(found.body, ExportLogsServiceRequest).resource_logs
        for record in group.scope_logs[0].log_records
    ]
    assert times == [record.time for record in records]


def test_a_trace_without_logs_is_not_an_unknown_one(
    api: Api, clickhouse: ClickHouseSettings
) -> None:
    """An empty list where spans are stored, 404 where nothing is."""
    now = time.time_ns()
    store_spans(clickhouse, request_of([KnownSpan("f1" * 16, "1" * 16, now)]), now)
    assert api.page(f"/api/v1/traces/{'f1' * 16}/logs")["items"] == []
    assert api.get(f"/api/v1/traces/{'f2' * 16}/logs").status == 404


def test_an_answer_says_everything_of_a_record(api: Api, clickhouse: ClickHouseSettings) -> None:
    """Times to the nanosecond, and where it came from."""
    now = time.time_ns()
    record = KnownRecord(now - 5, severity=13, severity_text="Warnung", service="whole")
    store(clickhouse, [record], now)
    (item,) = api.items("/api/v1/logs", {"service": "whole"})
    assert parse_time(item["timestamp"]) == record.time
    assert item["resource"]["attributes"] == {"service.name": "whole"}
    assert (item["scope"]["name"], item["flags"]) == ("tests", 0)
    assert (item["severity_number"], item["severity_text"]) == (13, "Warnung")


def test_what_a_limit_cuts_says_so(endless: Config, tmp_path: Path) -> None:
    """A search is not complete; what has no place to say that is a problem."""
    limits = QuerySettings(max_query_time_seconds=0.4)
    with query_service(endless, tmp_path, limits) as (api, _):
        asked = {"start": "0", "order": "oldest"}
        page = api.page("/api/v1/logs", asked)
        assert page == {"items": [], "next_cursor": None, "complete": False}
        for path, parameters in [
            ("/api/v1/logs", {**asked, "format": "otlp"}),
            ("/api/v1/logs/histogram", {"start": "0", "step": "9000d"}),
        ]:
            assert api.get(path, parameters).status == 504
