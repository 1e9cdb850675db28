"""Which samples were taken inside spans, and by what each profile tells so.

A profile is counted by one of these: its samples say their spans, or it says its span; of those
that do not, it says its agent where that alone is asked for, its trace where that is, or its
invocation, and spans ran in that meanwhile.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from rak_libs.clickhouse.parameters import Parameter, Parameters
from rak_libs.model.time_text import MAX_NS, SECOND_NS
from rak_services.query.budget import Budget
from rak_services.query.parameter_types import TraceId
from rak_services.query.problems import NotFound
from rak_services.query.profiles.carried_spans import carried_sql, sample_condition
from rak_services.query.profiles.invocation_overlap import (
    MOST_PROFILES,
    LoneProfile,
    invocation_spans_of,
    invocation_spans_sql,
    invocations_of,
    lone_profiles_of,
    lone_sql,
    overlapping,
)
from rak_services.query.profiles.merge_sql import kinds_sql, samples_sql
from rak_services.query.profiles.requests import ProfileFilters
from rak_services.query.profiles.selection import Selection
from rak_services.query.profiles.span_answers import Attribution
from rak_services.query.profiles.span_sets import (
    MOST_CARRIED,
    MOST_INSIDE,
    MOST_SPANS,
    MOST_TRACES,
    CarriedSpan,
    SpanSet,
    around,
    inside,
    links_of,
    links_sql,
    span_set,
    times_sql,
    traces_sql,
)
from rak_services.query.requests import SpanFilters
from rak_services.query.span_rows import times_sql as times_of_trace_sql
from rak_services.query.time_ranges import Range

LONGEST_PROFILE_NS: Final = 900 * SECOND_NS
"""Profiles that began longer before a trace are not looked at: they ended before it."""


@dataclass(frozen=True, slots=True)
class InsideSpans:
    """The samples that were taken inside spans.

    Attributes:
        selection: These samples and their profiles.
        whole_agent: Profiles without ids of spans that are this agent's count whole; None for no
            agent.
        complete: Whether no bound was hit on the way: else there may be more.
    """

    selection: Selection
    whole_agent: str | None
    complete: bool


async def inside_spans(budget: Budget, selection: Selection, filters: SpanFilters) -> InsideSpans:
    """Return what of a selection was taken inside spans that match, or inside their descendants.

    Args:
        budget: The time for it.
        selection: Profiles; of any agent when the spans are to be of one.
        filters: Of the spans. With a trace id among them, all of that trace counts.

    Raises:
        ClickHouseError: A limit of the engine was hit, or anything else is wrong.
    """
    others = (filters.name, filters.model, filters.tool, filters.trace_id)
    whole_agent = filters.agent if all(other is None for other in others) else None
    spans = await _spans(budget, selection, filters)
    profiles, complete = await _whole_profiles(budget, selection, filters, whole_agent)
    # Where no kind is asked for, it is chosen from those of the profiles that count.
    exact = selection.filters.kind is None
    condition = sample_condition(spans, profiles, filters.trace_id, exact=exact)
    return InsideSpans(
        replace(selection, condition=condition), whole_agent, spans.complete and complete
    )


async def inside_trace(budget: Budget, filters: ProfileFilters, trace_id: TraceId) -> InsideSpans:
    """Return what of some profiles was taken in a trace.

    They are looked for in the time of its spans; where none are stored, by the id of the trace
    alone and at all times.

    Raises:
        NotFound: There is neither a span of the trace nor a profile.
        ClickHouseError: A limit of the engine was hit, or anything else is wrong.
    """
    times = await budget.ask(*times_of_trace_sql(trace_id))
    if times:
        ((first_ns, last_ns),) = times
        period = Range(max(first_ns - LONGEST_PROFILE_NS, 0), min(last_ns + 1, MAX_NS))
        return await inside_spans(
            budget, Selection(filters, period), SpanFilters(trace_id=trace_id)
        )
    condition = sample_condition(SpanSet(), trace_id=trace_id)
    selection = Selection(filters, Range(None, None), condition)
    if not await budget.ask(*kinds_sql(selection)):
        raise NotFound(f"no trace {trace_id} is stored, and no profile of it")
    return InsideSpans(selection, None, complete=True)


async def _spans(budget: Budget, selection: Selection, filters: SpanFilters) -> SpanSet:
    """Return the spans that count for what carries their ids."""
    # What carries the id of a trace that is asked for needs no span of it.
    alone = filters.trace_id is not None
    statement = carried_sql(selection.profile_conditions(), alone=alone)
    ((rows,),) = await budget.ask(*statement)
    carried = [CarriedSpan(*row) for row in rows[:MOST_CARRIED]]
    traces, complete = await _traces(budget, carried, filters, around(selection.period))
    complete &= len(rows) <= MOST_CARRIED
    if not traces:
        return SpanSet(complete=complete)
    ((first_ns, last_ns),) = await budget.ask(*times_sql(traces))
    period = Range(first_ns, min(last_ns + 1, MAX_NS))
    (row,) = await budget.ask(*links_sql(filters, traces, period))
    complete &= len(row[0]) <= MOST_SPANS
    return await asyncio.to_thread(
        lambda: span_set(carried, inside(links_of(row)), complete=complete)
    )


async def _traces(
    budget: Budget, carried: Sequence[CarriedSpan], filters: SpanFilters, period: Range
) -> tuple[list[str], bool]:
    """Return the traces that spans may be of, and whether all."""
    if not carried:
        return [], True
    if filters.trace_id is not None:
        return [str(filters.trace_id)], True
    traces = {span.trace_id for span in carried if span.trace_id}
    alone = {span.span_id for span in carried if not span.trace_id}
    if alone:
        ((found,),) = await budget.ask(*traces_sql(sorted(alone)[:MOST_INSIDE], period))
        traces.update(found)
    complete = len(traces) <= MOST_TRACES and len(alone) <= MOST_INSIDE
    return sorted(traces)[:MOST_TRACES], complete


async def _whole_profiles(
    budget: Budget, selection: Selection, filters: SpanFilters, whole_agent: str | None
) -> tuple[list[str], bool]:
    """Return the profiles without ids that count, and whether all."""
    (row,) = await budget.ask(
        *lone_sql(
            selection.profile_conditions(), filters.agent, whole_agent=whole_agent is not None
        )
    )
    lone = lone_profiles_of(row)[:MOST_PROFILES]
    told = [each for each in lone if whole_agent is not None and each.agent_name == whole_agent]
    rest = [each for each in lone if whole_agent is None or each.agent_name != whole_agent]
    found, complete = await _overlapping(budget, rest, filters, around(selection.period))
    return [each.profile_id for each in told] + found, complete and len(row[0]) <= MOST_PROFILES


async def _overlapping(
    budget: Budget, profiles: Sequence[LoneProfile], filters: SpanFilters, period: Range
) -> tuple[list[str], bool]:
    invocations, complete = invocations_of(profiles)
    if not invocations:
        return [], complete
    (row,) = await budget.ask(*invocation_spans_sql(filters, invocations, period))
    complete &= len(row[0]) <= MOST_SPANS
    spans = invocation_spans_of(row)
    return await asyncio.to_thread(overlapping, profiles, spans), complete


async def attribution(
    budget: Budget, inside: InsideSpans, kind: str, sample_type: str
) -> list[Attribution]:
    """Return by what the profiles of a merge were counted, and for how much.

    Args:
        budget: The time for it.
        inside: What was merged.
        kind: Of the profiles that were merged; '' for none.
        sample_type: Of their values.

    Raises:
        ClickHouseError: A limit of the engine was hit, or anything else is wrong.
    """
    if not kind:
        return []
    rows = await budget.ask(*attribution_sql(inside, kind, sample_type))
    return [
        Attribution(method=method, profiles=count, value=value) for method, count, value in rows
    ]


def attribution_sql(inside: InsideSpans, kind: str, sample_type: str) -> tuple[str, Parameters]:
    """Return the statement for how many profiles each method counted, and for how much."""
    parameters: dict[str, Parameter] = {}
    whole_agent = "false"
    if inside.whole_agent is not None:
        whole_agent = "agent_name = %(own_agent)s"
        parameters["own_agent"] = inside.whole_agent
    used = "sample_trace_id sample_span_id"
    samples, bound = samples_sql(inside.selection, kind, sample_type, used)
    sql = f"""\
SELECT method, count(), sum(total)
FROM
(
    SELECT
        multiIf(
            max(sample_span_id != '' OR (sample_trace_id != '' AND NOT {whole_agent})),
            'sample_span',
            any(span_id) != '', 'profile_span',
            any({whole_agent}), 'profile_agent',
            any(trace_id) != '', 'profile_trace',
            'invocation_overlap') AS method,
        sum(sample_values[indexOf(sample_types, %(sample_type)s)]) AS total
    FROM {samples}
    GROUP BY profile_id
)
GROUP BY method
ORDER BY method
"""  # noqa: S608 - built from constants; values are bound
    return sql, {**bound, **parameters}
