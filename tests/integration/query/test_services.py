"""`GET /api/v1/services` and its operations, against the stored rows."""

from collections import defaultdict

from integration.query.api_client import Api
from integration.query.conftest import Corpus
from integration.query.known_spans import KnownSpan
from rak_libs.model.time_text import format_time


def test_services_are_listed_by_name_with_their_counts(api: Api, corpus: Corpus) -> None:
    """Every page size gives the same list; stored rows are counted."""
    expected = []
    for service in sorted({span.service for span in corpus.stored}):
        spans = [span for span in corpus.stored if span.service == service]
        expected.append(
            {
                "service_name": service,
                "spans": len(spans),
                "errors": sum(span.status == "ERROR" for span in spans),
                "last_seen": format_time(max(span.start for span in spans)),
            }
        )
    assert len(expected) == 3
    for limit in ("1", "2", "50"):
        found = api.items("/api/v1/services", {**corpus.period, "limit": limit})
        assert found == expected


def test_only_the_time_range_counts(api: Api, corpus: Corpus) -> None:
    last = max(corpus.stored, key=lambda span: span.start)
    period = {"start": str(last.start), "end": str(last.start + 1)}
    (row,) = api.page("/api/v1/services", period)["items"]
    assert row["service_name"] == last.service
    assert api.page("/api/v1/services", {"start": str(last.start + 1), "end": "now-1d"}) == {
        "items": [],
        "next_cursor": None,
        "complete": True,
    }


def test_operations_of_a_service_are_its_span_names_and_kinds(api: Api, corpus: Corpus) -> None:
    """Names may hold anything; quantiles lie among the durations."""
    groups: dict[tuple[str, str], list[KnownSpan]] = defaultdict(list)
    for span in corpus.stored:
        if span.service == "gamma/δ":
            groups[span.name, span.kind].append(span)
    for limit in ("3", "100"):
        asked = {**corpus.period, "service": "gamma/δ", "limit": limit}
        found = api.items("/api/v1/services/operations", asked)
        assert [(row["span_name"], row["span_kind"]) for row in found] == sorted(groups)
        for row in found:
            spans = groups[row["span_name"], row["span_kind"]]
            durations = sorted(span.duration for span in spans)
            assert row["spans"] == len(spans)
            assert row["errors"] == sum(span.status == "ERROR" for span in spans)
            assert row["last_seen"] == format_time(max(span.start for span in spans))
            assert row["duration_p50_ns"] <= row["duration_p95_ns"]
            # The sketch keeps 24 bits of a number.
            assert durations[0] * (1 - 2**-22) <= row["duration_p50_ns"]
            assert row["duration_p95_ns"] <= durations[-1] * (1 + 2**-22)


def test_operations_need_a_service(api: Api) -> None:
    answer = api.get("/api/v1/services/operations")
    assert (answer.status, answer.json["parameter"]) == (400, "service")
