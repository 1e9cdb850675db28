"""Every statement that the service sends, as golden files under `sql/`.

After a wanted change write them anew: `UPDATE_GOLDEN=1 pytest tests/unit/query/test_sql.py`.
"""

import os
from datetime import date
from pathlib import Path

import pytest

from rak_libs.clickhouse.parameters import Parameters, bind
from rak_libs.model.time_window import HOUR_NS
from rak_services.query.logs.histogram import default_step, histogram_sql
from rak_services.query.logs.places import (
    AS_STORED,
    NEWEST_FIRST,
    OLDEST_FIRST,
    RecordPlace,
    TailPlace,
)
from rak_services.query.logs.record_sql import Selection, sizes_sql
from rak_services.query.logs.record_sql import keys_sql as log_keys_sql
from rak_services.query.logs.record_sql import page_sql as log_page_sql
from rak_services.query.logs.requests import CountLogs, RecordFilters, SearchLogs, TailLogs
from rak_services.query.logs.severity import Severity
from rak_services.query.looks import looks_ahead, looks_back
from rak_services.query.parameter_types import (
    AttributeFilters,
    Duration,
    LabelFilters,
    ProfileId,
    SpanId,
    TimePoint,
    TraceId,
)
from rak_services.query.pipeline_sql import (
    Hours,
    freshness_sql,
    hours_sql,
    newest_status_sql,
    positions_sql,
    receivers_sql,
    rows_sql,
    sources_sql,
)
from rak_services.query.profiles.listing_sql import (
    ProfilePlace,
    places_sql,
    profile_sql,
    raw_sql,
)
from rak_services.query.profiles.listing_sql import rows_sql as profile_rows_sql
from rak_services.query.profiles.memory_sql import (
    MemoryPlace,
    allocators_sql,
    memory_profiles_sql,
    memory_sql,
    memory_steps_sql,
)
from rak_services.query.profiles.merge_sql import (
    FrameMatch,
    Root,
    StackPlaces,
    frames_sql,
    kinds_sql,
    matches_sql,
    stacks_sql,
    sums_sql,
)
from rak_services.query.profiles.requests import MemoryFilters, ProfileFilters
from rak_services.query.profiles.selection import SampleCondition
from rak_services.query.profiles.selection import Selection as ProfileSelection
from rak_services.query.requests import SearchTraces
from rak_services.query.semconv.coverage import CoveragePosition, coverage_sql
from rak_services.query.semconv.requests import GetCoverage
from rak_services.query.services_list import OperationPosition, operations_sql, services_sql
from rak_services.query.span_conditions import Conditions
from rak_services.query.span_rows import SpanPosition, keys_sql, page_sql, times_sql
from rak_services.query.time_ranges import Range, resolve_range
from rak_services.query.trace_search_sql import Candidate, Scope, candidates_sql, summaries_sql

GOLDEN = Path(__file__).parent / "sql"
TRACE = TraceId("0af7651916cd43dd8448eb211c80319c")
FIRST, LAST = 1_700_000_000_000_000_001, 1_700_003_600_000_000_000
SNAPSHOT = 1_700_003_600_000
HOUR = FIRST - FIRST % HOUR_NS
HOURS = Hours("spans", HOUR, HOUR + 2 * HOUR_NS)
WHOLE = Scope(FIRST, LAST, None, SNAPSHOT, None, 51)

EVERY_FILTER = SearchTraces(
    service="check'out",
    name="GET /",
    kind="SERVER",
    status="ERROR",
    min_duration=Duration(250_000_000),
    max_duration=Duration(5_000_000_000),
    agent="planner",
    session="s-1",
    invocation="i-1",
    user="ann",
    model="meta-llama/Llama-3",
    tool="search",
    trace_id=TRACE,
    q="time out",
)
ATTRIBUTES = SearchTraces(
    attr=AttributeFilters(
        (
            ("text", "it's"),
            ("whole", "42"),
            ("fraction", "0.5"),
            ("beyond", "99999999999999999999"),
            ("flag", "true"),
            ("odd", "NaN"),
            ("array", '[1, "a"]'),
            ("broken", "{"),
            ("empty", ""),
        )
    )
)

EVERY_LOG_FILTER = SearchLogs(
    service="check'out",
    severity=Severity(13),
    q="100%_\\",
    event="user.login",
    agent="planner",
    session="s-1",
    invocation="i-1",
    user="ann",
    model="meta-llama/Llama-3",
    tool="search",
    trace_id=TRACE,
    span_id=SpanId("00f067aa0ba902b7"),
    attr=AttributeFilters((("text", "it's"),)),
)
PROFILE = ProfileId("d6c92442aaa37421f34c5289f5139478")
EVERY_PROFILE_FILTER = ProfileFilters(
    service="check'out",
    agent="planner",
    kind="CPU",
    invocation="i-1",
    session="s-1",
    trace_id=TRACE,
    span_id=SpanId("00f067aa0ba902b7"),
    profile_id=(PROFILE,),
    label=LabelFilters((("env", "it's"),)),
)
PROFILES = ProfileSelection(ProfileFilters(service="alpha"), Range(FIRST, LAST))
PROFILES_OF_SPANS = ProfileSelection(
    ProfileFilters(),
    Range(FIRST, None),
    SampleCondition(
        sample="sample_span_id IN %(spans)s",
        profile="hasAny(`samples.span_id`, %(spans)s)",
        parameters={"spans": ["00f067aa0ba902b7"]},
    ),
)
STACK_PLACES = StackPlaces(date(2023, 11, 14), date(2023, 11, 15), ("alpha", "check'out"))
MEMORY = MemoryFilters(service="alpha", agent="planner", invocation="i-1", session="s-1")

KEY, LATER_KEY = (FIRST, SNAPSHOT, 7), (LAST, SNAPSHOT, 0)

COVERAGE = coverage_sql(GetCoverage(), Range(FIRST, None), None, 51)
"""Names every known key: the golden file has one of them."""

STATEMENTS: dict[str, tuple[str, Parameters]] = {
    "search_without_filters": candidates_sql(SearchTraces(), WHOLE),
    "search_without_range": candidates_sql(
        SearchTraces(), Scope(None, None, None, SNAPSHOT, None, 51)
    ),
    "search_every_filter": candidates_sql(EVERY_FILTER, WHOLE),
    "search_attributes_of_each_type": candidates_sql(ATTRIBUTES, WHOLE),
    "search_newest_next_page": candidates_sql(
        SearchTraces(), Scope(FIRST, None, FIRST + 5, SNAPSHOT, (LAST, TRACE), 51)
    ),
    "search_longest_next_page": candidates_sql(
        SearchTraces(order="-duration"), Scope(FIRST, LAST, None, SNAPSHOT, (1_000, TRACE), 11)
    ),
    "search_shortest_next_page": candidates_sql(
        SearchTraces(order="duration"), Scope(FIRST, LAST, None, SNAPSHOT, (1_000, TRACE), 11)
    ),
    "trace_rows": summaries_sql(
        [
            Candidate(str(TRACE), FIRST, LAST - FIRST, FIRST, LAST),
            Candidate("f" * 32, FIRST, 1, FIRST - 1, FIRST + 1),
        ]
    ),
    "trace_times": times_sql(TRACE),
    "trace_page_places": keys_sql(TRACE, (FIRST, LAST), None, 10_001),
    "trace_page_next_places": keys_sql(
        TRACE, (FIRST, LAST), SpanPosition(FIRST, "00f067aa0ba902b7", 2**64 - 1), 10_001
    ),
    "trace_page_spans": page_sql(
        TRACE,
        SpanPosition(FIRST, "00f067aa0ba902b7", 1),
        [
            SpanPosition(FIRST + 1, "00f067aa0ba902b8", 2),
            SpanPosition(LAST, "00f067aa0ba902b9", 3),
        ],
    ),
    "services": services_sql(Range(FIRST, None), None, 51),
    "services_next_page": services_sql(Range(FIRST, LAST), "alpha", 51),
    "operations": operations_sql("alpha", Range(FIRST, LAST), None, 51),
    "operations_next_page": operations_sql(
        "alpha", Range(FIRST, LAST), OperationPosition(FIRST, LAST, "GET /", "CLIENT"), 51
    ),
    "semconv_coverage": (COVERAGE[0], {**COVERAGE[1], "known": ["gen_ai.system"]}),
    "semconv_coverage_next_page": coverage_sql(
        GetCoverage(service="alpha", known="all", order="-spans"),
        Range(FIRST, LAST),
        CoveragePosition(FIRST, LAST, 7, "gen_ai.system", "alpha", "library", "1.2"),
        51,
    ),
    "logs_keys": log_keys_sql(
        Selection(EVERY_LOG_FILTER, Range(FIRST, LAST), SNAPSHOT), NEWEST_FIRST, None, 51
    ),
    "logs_next_keys": log_keys_sql(
        Selection(SearchLogs(), Range(FIRST, None), SNAPSHOT), NEWEST_FIRST, RecordPlace(KEY, 2), 51
    ),
    "logs_sizes": sizes_sql(
        Selection(SearchLogs(), Range(FIRST, LAST), SNAPSHOT), OLDEST_FIRST, None, [KEY, LATER_KEY]
    ),
    "logs_page": log_page_sql(
        Selection(SearchLogs(), Range(FIRST, LAST), SNAPSHOT),
        NEWEST_FIRST,
        None,
        [LATER_KEY, KEY],
    ),
    "trace_logs_next_page": log_page_sql(
        Selection(RecordFilters(trace_id=TRACE), Range(None, None), SNAPSHOT),
        OLDEST_FIRST,
        RecordPlace(KEY, 1),
        [LATER_KEY],
    ),
    "tail_keys": log_keys_sql(
        Selection(TailLogs(severity=Severity(17)), Range(None, None), SNAPSHOT),
        AS_STORED,
        TailPlace((SNAPSHOT - 1_000, *KEY), 3),
        501,
    ),
    "logs_histogram": histogram_sql(CountLogs(service="alpha"), Range(FIRST, LAST), 60_000_000_000),
    "profiles_places": places_sql(
        ProfileSelection(EVERY_PROFILE_FILTER, Range(FIRST, LAST)), SNAPSHOT, None, 51
    ),
    "profiles_next_places": places_sql(PROFILES, SNAPSHOT, ProfilePlace(LAST, PROFILE), 51),
    "profiles_rows": profile_rows_sql(
        [ProfilePlace(LAST, str(PROFILE)), ProfilePlace(FIRST, "f" * 32)]
    ),
    "profile": profile_sql(PROFILE, 10_000),
    "profile_raw": raw_sql(PROFILE),
    "profile_kinds": kinds_sql(PROFILES),
    "profile_kinds_of_spans": kinds_sql(PROFILES_OF_SPANS),
    "profile_sums": sums_sql(PROFILES, "CPU", "cpu/nanoseconds", (), 100_000),
    "profile_sums_every_filter": sums_sql(
        ProfileSelection(EVERY_PROFILE_FILTER, Range(None, None)),
        "CPU",
        "cpu/nanoseconds",
        (Root("service"), Root("agent"), Root("label.it's")),
        100_000,
    ),
    "profile_sums_of_spans": sums_sql(PROFILES_OF_SPANS, "CPU", "cpu/nanoseconds", (), 100_000),
    "profile_stacks": stacks_sql(STACK_PLACES, [1, 2**64 - 1]),
    "profile_frames": frames_sql(STACK_PLACES, [1, 2**64 - 1], FrameMatch()),
    "profile_frames_matched": frames_sql(STACK_PLACES, [1], FrameMatch("^main", "it's")),
    "profile_matches": matches_sql("it's ("),
    "memory": memory_sql(MEMORY, Range(FIRST, LAST), SNAPSHOT, None, 51),
    "memory_next_page": memory_sql(
        MemoryFilters(),
        Range(FIRST, None),
        SNAPSHOT,
        MemoryPlace(LAST, "alpha", "planner", PROFILE),
        51,
    ),
    "memory_steps": memory_steps_sql(
        MEMORY, Range(FIRST, LAST), SNAPSHOT, 60_000_000_000, None, 51
    ),
    "memory_allocators": allocators_sql(MEMORY, Range(FIRST, LAST), SNAPSHOT, "current_size", 50),
    "memory_profiles": memory_profiles_sql(MEMORY, Range(FIRST, LAST), SNAPSHOT),
    "pipeline_hours": hours_sql(["spans"], HOUR, LAST, None, 51),
    "pipeline_hours_next_page": hours_sql(["spans"], HOUR, LAST, (HOUR + HOUR_NS, "spans"), 51),
    "pipeline_sources": sources_sql(HOURS),
    "pipeline_rows": rows_sql(HOURS, ("spans",), 19_600),
    "pipeline_freshness": freshness_sql(HOURS),
    "pipeline_receivers": receivers_sql("spans", HOUR),
    "pipeline_positions": positions_sql(HOUR),
    "pipeline_newest_status": newest_status_sql(HOUR),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_is_as_reviewed(name: str) -> None:
    path = GOLDEN / f"{name}.sql"
    statement = bind(*STATEMENTS[name])
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(statement)
    assert path.read_text() == statement


def test_every_golden_file_is_of_a_statement() -> None:
    assert {path.stem for path in GOLDEN.glob("*.sql")} == set(STATEMENTS)


def test_a_parameter_cannot_be_bound_twice() -> None:
    conditions = Conditions()
    conditions.add("a = %(a)s", a=1)
    with pytest.raises(ValueError, match="bound twice: a"):
        conditions.add("b = %(a)s", a=2)


def test_the_default_range_is_the_last_hour_open_to_the_future() -> None:
    hour = 3_600_000_000_000
    assert resolve_range(SearchTraces(), LAST) == Range(LAST - hour, None)
    ended = SearchTraces(end=TimePoint.parse(str(FIRST)))
    assert resolve_range(ended, LAST) == Range(FIRST - hour, FIRST)
    assert resolve_range(SearchTraces(), LAST, open_start=True) == Range(None, None)


def test_oldest_first_looks_further_ahead_each_time_and_at_everything_last() -> None:
    minute = 60_000_000_000
    assert list(looks_ahead(0, 600 * minute)) == [minute, 16 * minute, 256 * minute, None]
    assert list(looks_ahead(5, minute)) == [None]
    assert list(looks_ahead(None, minute)) == [None]


def test_the_default_step_divides_a_range_into_60_parts_or_fewer() -> None:
    second = 1_000_000_000
    lengths = [1, 60 * second, 60 * second + 1, 3_600 * second, 86_400 * second, 10**18]
    assert [default_step(length) // second for length in lengths] == [1, 1, 2, 60, 1_800, 2_592_000]


def test_newest_first_looks_further_back_each_time_and_at_everything_last() -> None:
    minute = 60_000_000_000
    assert list(looks_back(0, 600 * minute)) == [599 * minute, 584 * minute, 344 * minute, None]
    assert list(looks_back(5, minute)) == [None]
    assert list(looks_back(None, minute)) == [None]
