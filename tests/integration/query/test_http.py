"""The HTTP side of the query service: problems, cursors, documents, admin endpoints."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from integration.query.api_client import Answer, Api
from integration.query.conftest import Corpus
from rak_services.query.openapi import openapi_document
from rak_services.query.parsing import MAX_QUERY_BYTES

ROOT = Path(__file__).parents[3]
TRACE = f"/api/v1/traces/{'a' * 32}"


def assert_problem(answer: Answer, status: int, *parameters: str) -> None:
    """A problem document that names what was wrong and leaks nothing of the engine."""
    assert answer.status == status, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json
    assert problem.keys() >= {"type", "title", "status", "detail"}
    assert problem["status"] == status
    assert problem["type"].startswith("/docs#problem-")
    if parameters:
        assert problem["parameter"] == parameters[0]
        assert [error["parameter"] for error in problem["errors"]] == list(parameters)
        assert all(error["expected"] for error in problem["errors"])
    assert not re.search(rb"SELECT|Traceback|DB::|Stack", answer.body)


@pytest.mark.parametrize(
    ("path", "query", "parameters"),
    [
        ("/api/v1/traces", "services=a", ["services"]),
        ("/api/v1/traces", "service=", ["service"]),
        ("/api/v1/traces", "service=a&service=b", ["service"]),
        ("/api/v1/traces", "start=yesterday", ["start"]),
        ("/api/v1/traces", "start=2026-02-30T00:00:00Z", ["start"]),
        ("/api/v1/traces", "start=now-1x", ["start"]),
        ("/api/v1/traces", "start=99999999999999999999", ["start"]),
        ("/api/v1/traces", "start=now&end=now-1h", ["start"]),
        ("/api/v1/traces", "min_duration=250", ["min_duration"]),
        ("/api/v1/traces", "min_duration=2s&max_duration=1s", ["min_duration"]),
        ("/api/v1/traces", "max_duration=9999999999h", ["max_duration"]),
        ("/api/v1/traces", "kind=remote", ["kind"]),
        ("/api/v1/traces", "status=2", ["status"]),
        ("/api/v1/traces", "order=name", ["order"]),
        ("/api/v1/traces", "limit=0", ["limit"]),
        ("/api/v1/traces", "limit=ten", ["limit"]),
        ("/api/v1/traces", "limit=1.5", ["limit"]),
        ("/api/v1/traces", "trace_id=xyz", ["trace_id"]),
        ("/api/v1/traces", "attr.=x", ["attr"]),
        ("/api/v1/traces", "attr=x", ["attr"]),
        ("/api/v1/traces", "q=", ["q"]),
        ("/api/v1/traces", "cursor=abc", ["cursor"]),
        ("/api/v1/traces", "limit=0&kind=x&colour=red", ["colour", "kind", "limit"]),
        (TRACE, "format=xml", ["format"]),
        (TRACE, "trace_id=" + "b" * 32, ["trace_id"]),
        (TRACE, "attr.k=v", ["attr.k"]),
        ("/api/v1/services", "service=a", ["service"]),
    ],
)
def test_a_wrong_parameter_is_named_with_what_was_expected(
    api: Api, path: str, query: str, parameters: list[str]
) -> None:
    assert_problem(api.get(f"{path}?{query}"), 400, *parameters)


def test_values_are_taken_as_documented(api: Api) -> None:
    """Names of enums in any case; an unescaped + of a time zone; every unit of a duration."""
    for query in (
        "kind=server&status=error",
        "start=2026-05-01T12:00:00+02:00&end=2026-05-02t00:00:00.123456789z",
        "start=0&end=now+5m",
        "min_duration=1h30m2.5s&max_duration=90d",
        "attr.k%C3%A9y=%00'%22\\&attr.x=",
    ):
        assert api.get(f"/api/v1/traces?{query}").status == 200, query


def test_hostile_texts_are_only_texts(api: Api, corpus: Corpus) -> None:
    """Nothing in a value reaches the engine as SQL."""
    for text in ("'", "\\", "\\'", "' OR 1=1 --", "%(service)s", "{value}", "\0", "'); --", "%"):
        for name in ("service", "session", "q", "attr.text", f"attr.{text}"):
            asked = [*corpus.period.items(), (name, text)]
            rows = api.page("/api/v1/traces", asked)["items"]
            assert len(rows) < len({span.trace_id for span in corpus.spans})


@pytest.mark.parametrize(
    "query",
    [
        *["service=%FF", "q=%C3", "q=%ED%A0%80", "attr.%FF=x", "attr.k=%F5%80%80%80", "%FF=1"],
        *[
            "limit=1%00",
            "limit=9" * 400,
            "limit=-0",
            "limit=%D9%A3",
            "start=-1",
            "start=now-" + "9" * 5000 + "d",
        ],
        *[
            "start=" + "9" * 19,
            "end=now+" + "9" * 30 + "h",
            "min_duration=" + "9" * 400 + "." + "9" * 400 + "ns",
        ],
        *["start=0000-00-00T00:00:00Z", "end=9999-99-99T99:99:99Z", "trace_id=" + "a" * 33],
        *["cursor=" + "A" * 40_000, "q=a&q=a", "&".join(f"attr.k{n}=v" for n in range(101))],
        *["order=", "kind=%00", "status=OK%00", "a;b=c", "=x", "%00=x"],
    ],
)
def test_what_is_no_question_is_refused(api: Api, query: str) -> None:
    """Whatever the bytes of a query string are, the answer is a 400 that names a parameter."""
    answer = api.get(f"/api/v1/traces?{query}")
    assert_problem(answer, 400, *(error["parameter"] for error in answer.json["errors"]))


@pytest.mark.parametrize(
    "query",
    [
        "q=" + "%27" * 16_000,
        "q=" + "%5C" * 16_000,
        "service=" + "%00" * 16_000,
        "attr." + "%27" * 5_000 + "=" + "[" * 30_000,
        "attr.k=" + "[" * 24_000 + "]" * 24_000,
        "attr.k=" + "9" * 48_000,
        "&".join(f"attr.{n}{'%27' * 100}=1" for n in range(100)),
        "&" * 48_000,
        "q=a" + "&" * 48_000,
    ],
)
def test_a_long_question_is_answered(api: Api, corpus: Corpus, query: str) -> None:
    """Up to 48 KiB, whatever it becomes as a statement of the engine."""
    assert len(query) <= MAX_QUERY_BYTES - 100
    period = f"start={corpus.start}&end={corpus.end}"
    assert api.get(f"/api/v1/traces?{period}&{query}").status == 200


def test_a_question_that_is_too_long_is_refused(api: Api) -> None:
    for path in ("/api/v1/traces", TRACE, "/api/v1/services"):
        assert_problem(api.get(f"{path}?q=" + "a" * MAX_QUERY_BYTES), 414)


def test_paths_are_only_names(api: Api) -> None:
    """Whatever stands where a trace id belongs."""
    for name in ("%00", "%FF", "..%2F..", "a" * 33, "%27", "A" * 31 + "%C3%A9", "a" * 60_000):
        answer = api.get(f"/api/v1/traces/{name}")
        assert answer.status in {400, 404}, name
        assert_problem(answer, answer.status)


def tampered(cursor: str) -> Iterator[str]:
    yield cursor[:-2]
    yield cursor + "AAAA"
    yield cursor[::-1]
    yield "é" + cursor
    yield "=" * 8


def test_a_cursor_only_fits_its_own_question(api: Api, corpus: Corpus) -> None:
    """Another filter, order, range or path, and any change of its text, is refused."""
    asked = {**corpus.period, "limit": "2"}
    cursor = api.page("/api/v1/traces", asked)["next_cursor"]
    others: list[dict[str, Any]] = [
        {**asked, "status": "OK"},
        {**asked, "order": "start"},
        {**asked, "end": "now"},
        {"limit": "2"},
    ]
    for other in others:
        answer = api.get("/api/v1/traces", {**other, "cursor": cursor})
        assert_problem(answer, 400, "cursor")
    assert_problem(api.get("/api/v1/services", {**asked, "cursor": cursor}), 400, "cursor")
    for text in tampered(cursor):
        assert_problem(api.get("/api/v1/traces", {**asked, "cursor": text}), 400, "cursor")
    assert api.page("/api/v1/traces", {**asked, "limit": "9", "cursor": cursor})["items"]


def test_unknown_paths_and_methods_are_problems(api: Api) -> None:
    for path in ("/", "/api/v1", "/api/v1/traces/", "/api/v1/traces/a/b", "/api/v2/traces"):
        assert_problem(api.get(path), 404)
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = api.get("/api/v1/traces", method=method)
        assert_problem(answer, 405)
        assert answer.headers["Allow"] == "GET, HEAD"
    assert api.get("/api/v1/services", method="HEAD").body == b""


def test_the_openapi_document_is_served_as_committed(api: Api) -> None:
    committed = msgspec.json.decode((ROOT / "schema/openapi.json").read_bytes())
    assert api.get("/openapi.json").json == committed == openapi_document()


def test_the_documentation_page_stands_alone(api: Api) -> None:
    """It shows every endpoint and loads nothing from anywhere."""
    answer = api.get("/docs")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    page = answer.body.decode()
    for path in openapi_document()["paths"]:
        assert f"<code>{path}</code>" in page
    assert set(re.findall(r"https?://[^/'\"<]+", page)) == {"http://127.0.0.1:8080"}
    assert not re.search(r"<(script|img|link|iframe)[^>]*(src|href)=", page)


def test_admin_endpoints_are_on_the_same_port(api: Api) -> None:
    """Requests are counted by route and status, without ids in labels."""
    assert api.get("/healthz").status == 200
    ready = api.get("/readyz")
    assert ready.json == {"ready": True, "checks": {"clickhouse": "ok", "service": "ok"}}
    api.get(TRACE)
    metrics = api.get("/metrics").body.decode()
    assert 'query_requests_total{path="/api/v1/traces/{trace_id}",status="404"}' in metrics
    assert 'query_duration_seconds_count{path="/api/v1/traces/{trace_id}"}' in metrics
    assert "a" * 32 not in metrics
