"""What is counted in the flame graph of a tool, an agent, a model, a name or a trace."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from clickhouse_driver import Client

from integration.query.api_client import Answer, Api
from integration.query.known_spans import SECOND, KnownSpan, request_of, store
from rak_libs.clickhouse.connection import connect
from rak_libs.runtime.settings import Config

TRACE, OTHER, UNSEEN = "a1" * 16, "b2" * 16, "c3" * 16
ROOT, AGENT, TOOL, HTTP, LLM, FETCH = (f"{number:016x}" for number in range(1, 7))
SERVICE = "span-profiles"
SPAN_SECONDS = {ROOT: (0, 100), AGENT: (1, 99), TOOL: (10, 20), HTTP: (12, 15), LLM: (30, 40)}


@dataclass(frozen=True)
class Profile:
    """A CPU profile: its samples are (trace id, span id, value)."""

    profile_id: str
    samples: Sequence[tuple[str, str, int]]
    seconds: tuple[float, float] = (0, 60)
    trace_id: str = ""
    span_id: str = ""
    invocation_id: str = ""
    agent_name: str = ""


PROFILES = [
    Profile(
        "own-ids",
        [
            (TRACE, TOOL, 100),
            (TRACE, HTTP, 10),
            (TRACE, LLM, 1_000),
            (TRACE, ROOT, 7),
            (OTHER, HTTP, 10**9),
            (UNSEEN, "", 9),
            ("", "", 5),
        ],
    ),
    Profile("ids-of-spans-alone", [("", HTTP, 20), ("", FETCH, 200)]),
    Profile("span-of-the-profile", [("", "", 40)], trace_id=TRACE, span_id=TOOL),
    Profile("trace-of-the-profile", [("", "", 3_000)], trace_id=TRACE),
    Profile("meanwhile", [("", "", 60_000)], (19, 25), invocation_id="i-1"),
    Profile("between", [("", "", 700_000)], (21, 25), invocation_id="i-1"),
    Profile("before", [("", "", 1)], (-30, -20), invocation_id="i-1"),
    Profile("of-the-agent", [("", "", 8_000_000)], agent_name="planner"),
    Profile("of-the-agent-in-a-trace", [(OTHER, "", 90_000_000)], agent_name="planner"),
    Profile("of-another-agent", [("", "", 1)], (19, 25), invocation_id="i-1", agent_name="coder"),
]


def spans(start: int) -> list[KnownSpan]:
    said = {
        ROOT: ("", "runner.run", {}),
        AGENT: (ROOT, "agent.run", {"agent_name": "planner"}),
        TOOL: (AGENT, "execute_tool", {"gen_ai.tool.name": "search"}),
        HTTP: (TOOL, "http.request", {}),
        LLM: (AGENT, "call_llm", {"gen_ai.request.model": "m"}),
    }
    known = [
        KnownSpan(
            TRACE,
            span_id,
            start + SPAN_SECONDS[span_id][0] * SECOND,
            (SPAN_SECONDS[span_id][1] - SPAN_SECONDS[span_id][0]) * SECOND,
            parent,
            name=name,
            attributes={"invocation_id": "i-1", **attributes},
        )
        for span_id, (parent, name, attributes) in said.items()
    ]
    fetch = {"gen_ai.tool.name": "fetch"}
    return [*known, KnownSpan(OTHER, FETCH, start, SECOND, attributes=fetch)]


def insert(client: Client, start: int, profile: Profile) -> None:
    """Store a profile whose samples have a function each: `<profile id>.<number>`."""
    first, last = (start + int(seconds * SECOND) for seconds in profile.seconds)
    traces, spans, values = zip(*profile.samples, strict=True)
    functions = [f"{profile.profile_id}.{number}" for number in range(len(values))]
    client.execute(
        "INSERT INTO cpu_profiles (profile_id, timestamp, duration_ns, service_name, trace_id,"
        " span_id, invocation_id, agent_name, profile_type, sample_type, sample_types,"
        " samples.stack, samples.values, samples.label_texts, samples.trace_id, samples.span_id,"
        " samples.span_name)"
        " SELECT %(id)s, fromUnixTimestamp64Nano(%(first)s, 'UTC'), %(length)s, %(service)s,"
        " %(trace)s, %(span)s, %(invocation)s, %(agent)s, 'CPU', 'cpu/nanoseconds',"
        " ['cpu/nanoseconds'], arrayMap(name -> sipHash64(name), %(functions)s),"
        " arrayMap(value -> [value], %(values)s), arrayMap(_ -> '', %(functions)s),"
        " %(traces)s, %(spans)s, arrayMap(_ -> '', %(functions)s)",
        {
            "id": profile.profile_id,
            "first": first,
            "length": last - first,
            "service": SERVICE,
            "trace": profile.trace_id,
            "span": profile.span_id,
            "invocation": profile.invocation_id,
            "agent": profile.agent_name,
            "traces": list(traces),
            "spans": list(spans),
            "values": list(values),
            "functions": functions,
        },
    )
    client.execute(
        "INSERT INTO profile_stacks (day, service_name, stack, frames, functions, system_names,"
        " files, start_lines, lines, columns, inlined, mappings, addresses)"
        " SELECT toDate(fromUnixTimestamp64Nano(%(first)s, 'UTC')), %(service)s, sipHash64(name),"
        " [sipHash64(name)], [name], [name], [''], [0], [0], [0], [false], [''], [0]"
        " FROM (SELECT arrayJoin(%(functions)s) AS name)",
        {"first": first, "service": SERVICE, "functions": functions},
    )


@pytest.fixture(scope="module")
def start(config: Config) -> int:
    """When the trace began, everything being stored, the first profile twice."""
    now = time.time_ns()
    start = now - 4 * 86_400 * SECOND
    store(config.clickhouse, request_of(spans(start)), now)
    with connect(config.clickhouse) as client:
        for profile in [*PROFILES, PROFILES[0]]:
            insert(client, start, profile)
    return start


Found = dict[str, tuple[int, int]]


def graph(api: Api, start: int, **asked: str) -> Answer:
    period = {"start": str(start - 60 * SECOND), "end": str(start + 60 * SECOND)}
    answer = api.get("/api/v1/profiles/flamegraph", {**period, "service": SERVICE, **asked})
    assert answer.status == 200, answer.body
    return answer


def found(answer: Answer) -> Found:
    """Return how many profiles each method counted and for how much, which is the whole answer."""
    told = answer.json["attribution"]
    assert answer.json["complete"] is True
    assert answer.json["profiles"] == sum(each["profiles"] for each in told)
    assert answer.json["total"] == sum(each["value"] for each in told)
    assert answer.json["root"]["total"] == answer.json["total"]
    return {each["method"]: (each["profiles"], each["value"]) for each in told}


@pytest.mark.parametrize("asked", [{"tool": "search"}, {"name": "execute_tool"}], ids=str)
def test_a_span_and_what_began_inside_it_count(api: Api, start: int, asked: dict[str, str]) -> None:
    assert found(graph(api, start, **asked)) == {
        "sample_span": (2, 130),
        "profile_span": (1, 40),
        "invocation_overlap": (2, 60_001),
    }


def test_the_functions_are_those_of_samples_inside_and_no_others(api: Api, start: int) -> None:
    answer = graph(api, start, tool="search", format="folded")
    assert answer.body.decode().splitlines() == [
        "ids-of-spans-alone.0 20",
        "meanwhile.0 60000",
        "of-another-agent.0 1",
        "own-ids.0 100",
        "own-ids.1 10",
        "span-of-the-profile.0 40",
    ]
    assert answer.headers["Attribution"] == (
        "invocation_overlap;profiles=2;value=60001, profile_span;profiles=1;value=40, "
        "sample_span;profiles=2;value=130"
    )


def test_a_model_has_what_was_spent_in_its_calls(api: Api, start: int) -> None:
    assert found(graph(api, start, model="m")) == {"sample_span": (1, 1_000)}


def test_spans_decide_over_the_agent_of_profiles_which_decides_where_there_are_none(
    api: Api, start: int
) -> None:
    assert found(graph(api, start, agent="planner")) == {
        "sample_span": (2, 1_130),
        "profile_span": (1, 40),
        "profile_agent": (2, 98_000_000),
        "invocation_overlap": (2, 760_000),
    }


def test_all_filters_must_hold_on_one_span(api: Api, start: int) -> None:
    assert found(graph(api, start, agent="planner", tool="search")) == {}


def test_nothing_counts_where_no_span_matches(api: Api, start: int) -> None:
    assert found(graph(api, start, tool="never called")) == {}


def test_without_spans_asked_for_nothing_is_said_of_them(api: Api, start: int) -> None:
    assert graph(api, start).json["attribution"] is None


def test_a_trace_has_all_that_says_its_id_or_one_of_its_spans(api: Api, start: int) -> None:
    assert found(api.get(f"/api/v1/traces/{TRACE}/profile")) == {
        "sample_span": (2, 1_137),
        "profile_span": (1, 40),
        "profile_trace": (1, 3_000),
        "invocation_overlap": (3, 760_001),
    }


def test_a_trace_whose_spans_are_not_stored_has_what_says_its_id(api: Api, start: int) -> None:
    assert found(api.get(f"/api/v1/traces/{UNSEEN}/profile")) == {"sample_span": (1, 9)}


def test_a_trace_of_which_nothing_is_stored_is_not_found(api: Api, start: int) -> None:
    assert api.get(f"/api/v1/traces/{'f' * 32}/profile").status == 404
