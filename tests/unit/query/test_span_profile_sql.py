"""The statements that join profiles with spans, as golden files under `span_profile_sql/`.

After a wanted change write them anew:
`UPDATE_GOLDEN=1 pytest tests/unit/query/test_span_profile_sql.py`.
"""

import os
from pathlib import Path

import pytest

from rak_libs.clickhouse.parameters import Parameters, bind
from rak_libs.clickhouse.select import MAX_STATEMENT_BYTES
from rak_services.query.profiles.attribution import InsideSpans, attribution_sql
from rak_services.query.profiles.carried_spans import carried_sql, sample_condition
from rak_services.query.profiles.invocation_overlap import (
    MOST_PROFILES,
    invocation_spans_sql,
    lone_sql,
)
from rak_services.query.profiles.requests import ProfileFilters
from rak_services.query.profiles.selection import SampleCondition, Selection
from rak_services.query.profiles.span_sets import (
    MOST_INSIDE,
    MOST_TRACES,
    SpanSet,
    links_sql,
    times_sql,
    traces_sql,
)
from rak_services.query.requests import SpanFilters
from rak_services.query.span_conditions import Conditions
from rak_services.query.time_ranges import Range

GOLDEN = Path(__file__).parent / "span_profile_sql"
TRACE = "0af7651916cd43dd8448eb211c80319c"
PERIOD = Range(1_700_000_000_000_000_001, 1_700_003_600_000_000_000)
TOOL = SpanFilters(tool="search", agent="planner", model="meta-llama/Llama-3", name="it's")
PROFILES = Conditions(["service_name = %(service)s", "profile_type = 'CPU'"], {"service": "check"})
SPANS = SpanSet((1, 2**64 - 1), ("00f067aa0ba902b7",))


def condition_sql(condition: SampleCondition) -> tuple[str, Parameters]:
    return f"{condition.sample}\n{condition.profile}\n", condition.parameters


STATEMENTS: dict[str, tuple[str, Parameters]] = {
    "carried": carried_sql(PROFILES),
    "carried_alone": carried_sql(PROFILES, alone=True),
    "times": times_sql({TRACE}),
    "traces": traces_sql({"00f067aa0ba902b8", "00f067aa0ba902b7"}, PERIOD),
    "links": links_sql(TOOL, {TRACE, "f" * 32}, PERIOD),
    "lone_profiles": lone_sql(PROFILES),
    "lone_profiles_of_an_agent": lone_sql(PROFILES, "planner", whole_agent=True),
    "invocation_spans": invocation_spans_sql(TOOL, ["i-2", "i-1"], PERIOD),
    "samples_of_spans": condition_sql(sample_condition(SPANS, ("a" * 32,))),
    "samples_of_spans_exactly": condition_sql(sample_condition(SPANS, ("a" * 32,), exact=True)),
    "samples_of_a_trace": condition_sql(sample_condition(SpanSet(), (), TRACE)),
    "samples_of_nothing": condition_sql(sample_condition(SpanSet())),
    "attribution": attribution_sql(
        InsideSpans(
            Selection(
                ProfileFilters(service="check", kind="CPU"),
                PERIOD,
                sample_condition(SPANS, ("a" * 32,)),
            ),
            "planner",
            complete=True,
        ),
        "CPU",
        "cpu/nanoseconds",
    ),
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


def test_as_many_ids_as_there_may_be_fit_a_statement() -> None:
    spans = SpanSet(tuple(range(2**64 - MOST_INSIDE, 2**64)))
    condition = sample_condition(spans, ["a" * 32] * MOST_PROFILES, exact=True)
    inside = InsideSpans(Selection(ProfileFilters(), PERIOD, condition), None, complete=True)
    statement = bind(*attribution_sql(inside, "CPU", "cpu/nanoseconds"))
    assert len(statement) < MAX_STATEMENT_BYTES
    traces = [f"{number:032x}" for number in range(MOST_TRACES)]
    assert len(bind(*links_sql(TOOL, traces, PERIOD))) < MAX_STATEMENT_BYTES
