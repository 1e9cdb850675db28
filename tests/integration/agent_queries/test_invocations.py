"""`GET /api/v1/invocations/{invocation_id}`: what belongs to an invocation, in every signal."""

import time
from random import Random
from urllib.parse import quote

import pytest

from integration.agent_queries.known_work import activity_of, make_turn, settle
from integration.metric_queries.known_metrics import batch_of, store_series
from integration.query import known_logs, known_profiles
from integration.query.api_client import Api
from integration.query.known_logs import KnownRecord
from integration.query.known_profiles import KnownProfile, KnownSample
from integration.query.known_spans import SECOND, KnownSpan, request_of, store
from metric_oracle import Point, Series
from rak_libs.clickhouse.insert import Inserter
from rak_libs.model.metrics import METRIC_EXEMPLARS, ValueType
from rak_libs.model.time_text import format_time
from rak_libs.runtime.settings import Config

START = (time.time_ns() // SECOND - 4 * 86_400) * SECOND
NAME = "inv/ü%2F 1"
LOGS_ALONE = "inv of records alone"
TURNS = [
    make_turn(
        Random(1_005 + number), START + number * 60 * SECOND, "inv-session", "zoe", invocation=NAME
    )
    for number in range(3)
]
OTHER = make_turn(Random(1_009), START + 5 * SECOND, "inv-session", "zoe", "another")
# A span that names the invocation, in a trace of another one.
GUEST = KnownSpan(
    OTHER.trace_id,
    "ab" * 8,
    START + 6 * SECOND,
    attributes={"invocation_id": NAME},
    service="guest",
)
RECORDS = [
    KnownRecord(START + 1, "by its name", attributes={"invocation.id": NAME}),
    KnownRecord(
        START + 2,
        "by its span",
        trace_id=TURNS[0].trace_id,
        span_id=TURNS[0].spans[1].span_id,
    ),
    KnownRecord(START + 3, "by a span alone", trace_id=GUEST.trace_id, span_id=GUEST.span_id),
]
FOREIGN = [
    KnownRecord(START + 4, "of another", trace_id=OTHER.trace_id, span_id=OTHER.spans[1].span_id),
    KnownRecord(
        START + 5,
        "of another, by name",
        trace_id=TURNS[0].trace_id,
        span_id=TURNS[0].spans[1].span_id,
        attributes={"invocation_id": "another"},
    ),
]
SAMPLE = (KnownSample((("main.work", 3),), (1, 10)),)
PROFILES = [
    KnownProfile(START, SAMPLE, invocation=NAME),
    KnownProfile(START + SECOND, SAMPLE, trace_id=TURNS[1].trace_id),
]
SERIES = Series(
    fingerprint=77,
    metric="agent.steps",
    kind="COUNTER",
    temporality="DELTA",
    labels={"gcp.vertex.agent.invocation_id": NAME, "step": "plan"},
    rows=(Point(at=START, value=1.0),),
)
EXEMPLAR = {
    "metric_name": "agent.steps",
    "fingerprint": 77,
    "timestamp": START + 9 * SECOND,
    "position": 0,
    "exemplar_timestamp": START + 8 * SECOND,
    "value": 4.0,
    "value_remainder": 0,
    "value_type": ValueType.DOUBLE,
    "trace_id": TURNS[2].trace_id,
    "span_id": TURNS[2].spans[0].span_id,
    "attributes": "{}",
}


@pytest.fixture(scope="module")
def stored(config: Config, tmp_path_factory: pytest.TempPathFactory) -> None:
    settings, now = config.clickhouse, time.time_ns()
    spans = [span for turn in (*TURNS, OTHER) for span in turn.spans]
    for again in (now, now + SECOND):
        store(settings, request_of([*spans, GUEST]), again)
    alone = KnownRecord(START, "alone", attributes={"rak.invocation_id": LOGS_ALONE})
    known_logs.store(settings, [*RECORDS, *FOREIGN, alone], now)
    known_profiles.store(settings, [*PROFILES, KnownProfile(START, SAMPLE, invocation="x")], now)
    store_series(settings, [SERIES])
    inserter = Inserter(settings)
    foreign = {**EXEMPLAR, "position": 1, "trace_id": "99" * 16}
    inserter.insert(METRIC_EXEMPLARS, batch_of(METRIC_EXEMPLARS, [EXEMPLAR, foreign]), {})
    inserter.close()
    settle(config, tmp_path_factory.mktemp("invocations"))


PATH = f"/api/v1/invocations/{quote(NAME, safe='')}"


def test_an_invocation_has_its_work_traces_records_metrics_and_profiles(
    api: Api, stored: None
) -> None:
    answer = api.get(PATH).json
    assert answer["invocation_id"] == NAME
    work = answer["work"]
    expected = activity_of(TURNS)
    expected |= {
        "traces": 4,
        # Those that name it themselves: three roots, and the guest.
        "spans": 4,
        "errors": 0,
        "sessions": ["inv-session"],
        "users": ["zoe"],
        "services": sorted({*expected["services"], "guest"}),
        "last_seen": format_time(max(turn.end for turn in TURNS)),
    }
    # Every operation of three turns, and the query that the service of the tool makes.
    entries = sum(len(turn.spans) for turn in TURNS)
    assert work == {**expected, "entries": entries}
    traces = sorted((turn.start, turn.trace_id) for turn in (*TURNS, OTHER))
    assert [row["trace_id"] for row in answer["traces"]["items"]] == [id_ for _, id_ in traces]
    assert answer["traces"]["items"][0]["settled"] is True
    assert [row["body"] for row in answer["logs"]["items"]] == [r.body for r in RECORDS]
    ids = [profile.profile_id for profile in PROFILES]
    assert sorted(row["profile_id"] for row in answer["profiles"]["items"]) == sorted(ids)
    (series,) = answer["metrics"]["series"]
    assert (series["metric_name"], series["fingerprint"]) == ("agent.steps", f"{77:016x}")
    (exemplar,) = answer["metrics"]["exemplars"]
    assert (exemplar["value"], exemplar["trace_id"]) == (4.0, TURNS[2].trace_id)
    assert exemplar["labels"] == SERIES.labels
    assert all(answer[name]["complete"] for name in ("traces", "logs", "metrics", "profiles"))


def test_each_list_goes_on_by_its_cursor(api: Api, stored: None) -> None:
    whole = api.get(PATH).json
    for name, other in (("traces", "logs"), ("logs", "traces")):
        items, page = [], api.get(PATH, {"limit": "1"}).json
        while True:
            items += page[name]["items"]
            cursor = page[name]["next_cursor"]
            if cursor is None:
                break
            page = api.get(PATH, {"limit": "1", "cursor": cursor}).json
            assert page[other] is None
            assert page["metrics"] is None
            assert page["profiles"] is None
            assert page["work"] == whole["work"]
        assert items == whole[name]["items"]


def test_links_lead_to_everything_that_names_it(api: Api, stored: None) -> None:
    links = api.get(PATH).json["links"]
    named = {row["trace_id"] for row in api.page(links["traces"])["items"]}
    assert named == {turn.trace_id for turn in (*TURNS, OTHER)}
    assert [row["body"] for row in api.page(links["logs"])["items"]] == ["by its name"]
    (profile,) = api.page(links["profiles"])["items"]
    assert profile["invocation_id"] == NAME
    assert api.get(links["flamegraph"]).json["profiles"] == 1


def test_an_invocation_that_records_alone_name_is_found(api: Api, stored: None) -> None:
    answer = api.get(f"/api/v1/invocations/{quote(LOGS_ALONE)}").json
    assert [row["body"] for row in answer["logs"]["items"]] == ["alone"]
    assert answer["work"]["first_seen"] is None
    assert answer["traces"]["items"] == []


def test_an_invocation_that_nothing_names_is_not_found(api: Api, stored: None) -> None:
    answer = api.get("/api/v1/invocations/no/such")
    assert answer.status == 404
    assert "no/such" in answer.json["detail"]
