"""What is counted in the flame graph of a tool, an agent, a model, a name or a trace."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from clickhouse_driver import Client

from integration.query.known_spans import SECOND, KnownSpan, request_of, store
from rak_libs.clickhouse.connection import connect
from rak_libs.clickhouse.select import ReadPool
from rak_libs.runtime.settings import Config
from rak_services.query.budget import Budget
from rak_services.query.endpoint import Store
from rak_services.query.parameter_types import TraceId
from rak_services.query.profiles.attribution import attribution, inside_spans
from rak_services.query.profiles.requests import ProfileFilters
from rak_services.query.profiles.selection import Selection
from rak_services.query.requests import SpanFilters
from rak_services.query.time_ranges import Range

TRACE, OTHER = "a1" * 16, "b2" * 16
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


ANY = ("", "", 1)
PROFILES = [
    Profile(
        "own-ids",
        [
            (TRACE, TOOL, 100),
            (TRACE, HTTP, 10),
            (TRACE, LLM, 1_000),
            (TRACE, ROOT, 7),
            (OTHER, HTTP, 10**9),
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
    first, last = (start + int(seconds * SECOND) for seconds in profile.seconds)
    traces, spans, values = zip(*profile.samples, strict=True)
    client.execute(
        "INSERT INTO cpu_profiles (profile_id, timestamp, duration_ns, service_name, trace_id,"
        " span_id, invocation_id, agent_name, profile_type, sample_type, sample_types,"
        " samples.stack, samples.values, samples.label_texts, samples.trace_id, samples.span_id,"
        " samples.span_name)"
        " SELECT %(id)s, fromUnixTimestamp64Nano(%(first)s, 'UTC'), %(length)s, %(service)s,"
        " %(trace)s, %(span)s, %(invocation)s, %(agent)s, 'CPU', 'cpu/nanoseconds',"
        " ['cpu/nanoseconds'], range(length(values)) AS stacks, arrayMap(v -> [v], values),"
        " arrayMap(_ -> '', stacks), %(traces)s, %(spans)s, arrayMap(_ -> '', stacks)"
        " FROM (SELECT %(values)s AS values)",
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
        },
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


def found(config: Config, start: int, filters: SpanFilters) -> dict[str, tuple[int, int]]:
    async def ask() -> dict[str, tuple[int, int]]:
        pool = ReadPool(config.clickhouse, config.query)
        budget = Budget(Store(pool, config.query, time.time_ns, False, config.storage, 10.0))
        period = Range(start - 60 * SECOND, start + 60 * SECOND)
        profiles = Selection(ProfileFilters(service=SERVICE, kind="CPU"), period)
        inside = await inside_spans(budget, profiles, filters)
        assert inside.complete
        told = await attribution(budget, inside, "CPU", "cpu/nanoseconds")
        await pool.close()
        return {each.method: (each.profiles, each.value) for each in told}

    return asyncio.run(ask())


OF_THE_TOOL = {
    "sample_span": (2, 130),
    "profile_span": (1, 40),
    "invocation_overlap": (2, 60_001),
}


@pytest.mark.parametrize(
    "filters", [SpanFilters(tool="search"), SpanFilters(name="execute_tool")], ids=["tool", "name"]
)
def test_a_span_and_what_began_inside_it_count(
    config: Config, start: int, filters: SpanFilters
) -> None:
    assert found(config, start, filters) == OF_THE_TOOL


def test_a_model_has_what_was_spent_in_its_calls(config: Config, start: int) -> None:
    assert found(config, start, SpanFilters(model="m")) == {"sample_span": (1, 1_000)}


def test_spans_decide_over_the_agent_of_profiles_which_decides_where_there_are_none(
    config: Config, start: int
) -> None:
    assert found(config, start, SpanFilters(agent="planner")) == {
        "sample_span": (2, 1_130),
        "profile_span": (1, 40),
        "profile_agent": (1, 8_000_000),
        "invocation_overlap": (2, 760_000),
    }


def test_all_filters_must_hold_on_one_span(config: Config, start: int) -> None:
    assert found(config, start, SpanFilters(agent="planner", tool="search")) == {}


def test_a_trace_has_all_that_says_its_id_or_one_of_its_spans(config: Config, start: int) -> None:
    assert found(config, start, SpanFilters(trace_id=TraceId(TRACE))) == {
        "sample_span": (2, 1_137),
        "profile_span": (1, 40),
        "profile_trace": (1, 3_000),
        "invocation_overlap": (3, 760_001),
    }


def test_nothing_counts_where_no_span_matches(config: Config, start: int) -> None:
    assert found(config, start, SpanFilters(tool="never called")) == {}
