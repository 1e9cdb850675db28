"""Every statement about agents, models, tools and dependencies, as golden files in `work_sql/`.

After a wanted change write them anew: `UPDATE_GOLDEN=1 pytest tests/unit/query/test_work_sql.py`.
"""

import os
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from rak_libs.clickhouse.parameters import Parameters, bind
from rak_libs.model.time_text import MAX_NS, SECOND_NS
from rak_services.query.ledger_conditions import add_ledger_filters, add_ledger_range
from rak_services.query.parameter_types import AttributeFilters, Duration, TraceId
from rak_services.query.requests import EntryFilters
from rak_services.query.span_conditions import Conditions
from rak_services.query.time_ranges import Range
from rak_services.query.work.fields import CALL_COLUMNS, WORK_COLUMNS
from rak_services.query.work.parts_sql import Reading
from rak_services.query.work.sources import Sources, checked_step, default_step, sources_of
from rak_services.query.work.subjects import (
    AGENT_TOOLS,
    AGENTS,
    DEPENDENCIES,
    MODELS,
    Subject,
)
from rak_services.query.work.work_sql import (
    After,
    Part,
    last_seen_sql,
    rows_sql,
    series_sql,
    single_sql,
)

GOLDEN = Path(__file__).parent / "work_sql"
SLOT = 1_700_000_100
FIRST, LAST = SLOT * SECOND_NS + 1, (SLOT + 3_600) * SECOND_NS + 5
PERIOD = Range(FIRST, LAST)
HOUR = 3_600 * SECOND_NS

EVERY_FILTER = EntryFilters(
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
    model="meta-llama/Llama-3.1-70B",
    tool="search",
    trace_id=TraceId("0af7651916cd43dd8448eb211c80319c"),
    attr=AttributeFilters((("text", "it's"), ("whole", "42"))),
    q="time out",
)


def reading(
    subject: Subject, columns: tuple[str, ...], filters: EntryFilters, period: Range = PERIOD
) -> Reading:
    sources = sources_of(period, summarised=subject.is_summarised(filters))
    return Reading(subject, columns, filters, sources)


def conditions(filters: EntryFilters, period: Range) -> tuple[str, Parameters]:
    kept = Conditions()
    add_ledger_range(kept, period.since_ns, period.until_ns)
    add_ledger_filters(kept, filters)
    return f"{kept.where()}\n", kept.parameters


NO_FILTERS = EntryFilters()
OF_A_SESSION = EntryFilters(session="s-1", service="check'out", q="refused")

STATEMENTS: dict[str, tuple[str, Parameters]] = {
    "conditions_every_filter": conditions(EVERY_FILTER, PERIOD),
    "conditions_without_filters": conditions(NO_FILTERS, Range(None, None)),
    "conditions_of_a_late_clock": conditions(NO_FILTERS, Range(MAX_NS - 1, MAX_NS)),
    "agents": rows_sql(reading(AGENTS, WORK_COLUMNS, NO_FILTERS), Part("-runs", None, 51)),
    "agents_until_now": rows_sql(
        reading(AGENTS, WORK_COLUMNS, NO_FILTERS, Range(SLOT * SECOND_NS, None)),
        Part("name", None, 51),
    ),
    "agents_of_a_session": rows_sql(
        reading(AGENTS, WORK_COLUMNS, OF_A_SESSION), Part("duration", None, 51)
    ),
    "agents_next_page": rows_sql(
        reading(AGENTS, ("calls",), NO_FILTERS), Part("-cost", After("0.5", ("it's",)), 51)
    ),
    "agent_series": series_sql(
        reading(replace(AGENTS, listed=()), WORK_COLUMNS, EntryFilters(agent="planner")),
        HOUR,
        [("planner",)],
    ),
    "agent_tools": rows_sql(
        reading(AGENT_TOOLS, ("calls", "errors"), EntryFilters(agent="planner")),
        Part("-calls", None, 10_000),
    ),
    "models_by_name_next_page": rows_sql(
        reading(MODELS, ("calls", "finish_reasons", "last_seen"), NO_FILTERS),
        Part("-name", After("0", ("o3",)), 51),
    ),
    "dependencies_of_a_service": rows_sql(
        reading(DEPENDENCIES, CALL_COLUMNS, EntryFilters(service="check'out")),
        Part("errors", After("7", ("gateway", "check'out")), 51),
    ),
    "dependencies_of_a_users_texts": rows_sql(
        reading(DEPENDENCIES, ("calls",), EntryFilters(service="pay", user="ann", q="x")),
        Part("-calls", None, 51),
    ),
    "dependency_series": series_sql(
        reading(DEPENDENCIES, CALL_COLUMNS, NO_FILTERS),
        HOUR,
        [("gateway", "pay"), ("gateway", "b")],
    ),
    "agent_single": single_sql(
        reading(AGENTS, ("calls", "durations"), EntryFilters(agent="planner")), HOUR, 10_000
    ),
    "model_single": single_sql(
        reading(MODELS, ("calls", "durations"), EntryFilters(model="meta-llama/Llama-3.1-70B")),
        HOUR,
        10_000,
    ),
    "last_seen": last_seen_sql(MODELS, "meta-llama/Llama-3.1-70B"),
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


def seconds(*times: float) -> list[int]:
    return [round(time * SECOND_NS) for time in times]


@pytest.mark.parametrize(
    ("since", "until", "slots", "edges"),
    [
        # Both ends within slots: two edges; whole slots between.
        (310, 1_205, (600, 1_200), (300, 1_200)),
        (300, 1_205, (300, 1_200), (1_200,)),
        (310, 1_200, (600, 1_200), (300,)),
        (300, 1_200, (300, 1_200), ()),
        # No whole slot: the ledger alone.
        (310, 599, None, ()),
        (310, 700, None, ()),
        (599.999999999, 600.000000001, None, ()),
        (299.999999999, 600.000000001, (300, 600), (0, 600)),
    ],
)
def test_whole_slots_are_read_from_the_summary_and_the_ends_from_the_ledger(
    since: float, until: float, slots: tuple[int, int] | None, edges: tuple[int, ...]
) -> None:
    period = Range(*seconds(since, until))
    assert sources_of(period, summarised=True) == Sources(period, slots, edges)
    assert sources_of(period, summarised=False) == Sources(period)


def test_an_open_range_is_read_from_the_summary_to_its_end() -> None:
    period = Range(310 * SECOND_NS, None)
    assert sources_of(period, summarised=True) == Sources(period, (600, None), (300,))
    assert sources_of(Range(None, None), summarised=True) == Sources(Range(None, None))
    for since in (2**32 * SECOND_NS, MAX_NS):
        late = Range(since, None)
        assert sources_of(late, summarised=True) == Sources(late)


def test_only_filters_that_a_summary_tells_apart_are_answered_by_it() -> None:
    assert AGENTS.is_summarised(EntryFilters(service="a", agent="b"))
    assert MODELS.is_summarised(EntryFilters(service="a", agent="b", model="c"))
    assert not AGENTS.is_summarised(EntryFilters(model="c"))
    assert not DEPENDENCIES.is_summarised(EntryFilters(agent="b"))
    assert not AGENTS.is_summarised(EntryFilters(attr=AttributeFilters((("a", "b"),))))
    for name in ("name", "session", "user", "invocation", "q", "trace_id"):
        filters = msgspec.convert({name: "x"}, EntryFilters, dec_hook=lambda kind, text: kind(text))
        assert not MODELS.is_summarised(filters)


def test_the_default_step_is_of_whole_slots_and_divides_a_range_into_100_parts() -> None:
    day = 86_400 * SECOND_NS
    lengths = [SECOND_NS, 500 * 60 * SECOND_NS, day, 7 * day, 400 * day, MAX_NS]
    steps = [default_step(Range(0, length), 0, 10_000) // SECOND_NS for length in lengths]
    assert steps == [300, 300, 900, 7_200, 604_800, 31_536_000]
    assert default_step(Range(None, None), 5, 10_000) == 300 * SECOND_NS
    assert default_step(Range(0, HOUR), 0, 8) == 600 * SECOND_NS


def test_a_step_that_makes_too_many_points_is_refused_by_naming_the_shortest() -> None:
    hour = Range(0, HOUR)
    assert checked_step(None, hour, 0, 60) is None
    assert checked_step(60 * SECOND_NS, hour, 0, 60) == 60 * SECOND_NS
    with pytest.raises(Exception, match="60000000000ns or more, for 60 steps"):
        checked_step(59 * SECOND_NS, hour, 0, 60)
    with pytest.raises(Exception, match="step"):
        checked_step(0, hour, 0, 60)
