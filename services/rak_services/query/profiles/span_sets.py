"""Which spans a flame graph is about: those that match, and everything that began inside them.

A sample carries the id of its innermost span, so what was spent in a span is what carries its id or
that of one of its descendants. Only traces that samples carry are read, and whole: the parents of a
span tell whether it is inside one that matches.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from rak_libs.clickhouse.parameters import Parameters
from rak_libs.clickhouse.select import Row
from rak_libs.model.time_text import MAX_NS
from rak_libs.model.time_window import HOUR_NS
from rak_services.query.requests import SpanFilters
from rak_services.query.span_conditions import Conditions, add_span_filters, add_time_range
from rak_services.query.time_ranges import Range

MOST_SPANS: Final = 200_000
"""So many spans of the traces in question are read."""

MOST_CARRIED: Final = 200_000
"""So many different spans that samples carry are read."""

MOST_TRACES: Final = 40_000
MOST_INSIDE: Final = 30_000
"""So many ids of each does a statement hold of the size that the engine takes, which may have the
latter twice."""

AROUND_NS: Final = HOUR_NS
"""How much earlier or later than the profiles a span may have begun of which less is known than
its trace."""

SpanKey = tuple[str, str]
"""The ids of a trace and of a span in it, lower-case hex."""


class CarriedSpan(NamedTuple):
    """A span that samples or profiles carry; `trace_id` is '' where they carry its id alone.

    `key` is the engine's hash of both ids, a shorter name for them in statements.
    """

    trace_id: str
    span_id: str
    key: int


class SpanLink(NamedTuple):
    """A span's place in its trace, and whether it is one of those asked for."""

    trace_id: str
    span_id: str
    parent_span_id: str
    matches: bool


@dataclass(frozen=True, slots=True)
class SpanSet:
    """Spans that samples carry and that are inside spans which match.

    Attributes:
        keys: Of those that are carried with their trace (`CarriedSpan.key`), ascending.
        span_ids: Of those whose id is carried alone, ascending.
        complete: Whether no bound was hit on the way.
    """

    keys: tuple[int, ...] = ()
    span_ids: tuple[str, ...] = ()
    complete: bool = True


def among(column: str, name: str) -> str:
    """Return the condition that a column holds one of many ids, bound by `id_list`.

    The engine splits a text some ten times faster than it reads a list of as many texts.
    """
    return f"{column} IN splitByChar(' ', %({name})s)"


def id_list(ids: Iterable[str]) -> str:
    """Return what is bound to the name of `among`; no id holds a space."""
    return " ".join(sorted(ids))


def around(period: Range) -> Range:
    """Return when the spans of a period's profiles began, as far as they are looked for."""
    since, until = period.since_ns, period.until_ns
    return Range(
        None if since is None else max(since - AROUND_NS, 0),
        None if until is None else min(until + AROUND_NS, MAX_NS),
    )


def traces_sql(span_ids: Iterable[str], period: Range) -> tuple[str, Parameters]:
    """Return the statement for the traces of spans that are carried without: one column.

    Several traces may have spans of one id; all are returned.
    """
    conditions = Conditions()
    add_time_range(conditions, period.since_ns, period.until_ns)
    conditions.add(among("span_id", "span_ids"), span_ids=id_list(span_ids))
    sql = f"""\
SELECT groupUniqArray({MOST_TRACES + 1})(trace_id)
FROM spans
WHERE {conditions.where()}
"""  # noqa: S608 - built from constants; values are bound
    return sql, conditions.parameters


def times_sql(trace_ids: Iterable[str]) -> tuple[str, Parameters]:
    """Return the statement for when the first span of some traces began, and the last, about.

    One row, in nanoseconds since 1970; the second is the latest end of all.
    """
    sql = f"""\
SELECT toUnixTimestamp64Nano(min(start)), toUnixTimestamp64Nano(max(`end`))
FROM trace_times
WHERE {among("trace_id", "traces")}
"""  # noqa: S608 - built from constants; values are bound
    return sql, {"traces": id_list(trace_ids)}


def links_sql(
    filters: SpanFilters, trace_ids: Iterable[str], period: Range
) -> tuple[str, Parameters]:
    """Return the statement for all spans of those of some traces in which a span matches.

    One row: ids of traces, of spans and of parents and whether the span matches, an array each.
    """
    matching, times, wanted = Conditions(), Conditions(), Conditions()
    add_span_filters(matching, filters)
    add_time_range(times, period.since_ns, period.until_ns)
    wanted.add(among("trace_id", "traces"), traces=id_list(trace_ids))
    traces = Conditions([*times.texts, *wanted.texts, *matching.texts])
    sql = f"""\
SELECT
    groupArray(trace_id),
    groupArray(span_id),
    groupArray(parent_span_id),
    groupArray(found)
FROM (
    SELECT
        trace_id,
        span_id,
        parent_span_id,
        ({matching.where("        ")}) AS found
    FROM spans
    WHERE trace_id IN (
        SELECT trace_id
        FROM spans
        WHERE {traces.where("        ")}
    )
        AND {times.where("    ")}
    LIMIT {MOST_SPANS + 1}
)
"""  # noqa: S608 - built from constants; values are bound
    return sql, {**matching.parameters, **times.parameters, **wanted.parameters}


def links_of(row: Row) -> list[SpanLink]:
    """Return the spans of the row of `links_sql`."""
    return [SpanLink(*span) for span in zip(*row, strict=True)]


def inside(links: Iterable[SpanLink]) -> set[SpanKey]:
    """Return the spans that match and their descendants within their traces.

    Spans may be stored twice, share an id, have no stored parent, or be their own ancestors.
    """
    children: defaultdict[SpanKey, list[SpanKey]] = defaultdict(list)
    reached: set[SpanKey] = set()
    for link in links:
        span = link.trace_id, link.span_id
        children[link.trace_id, link.parent_span_id].append(span)
        if link.matches:
            reached.add(span)
    waiting = list(reached)
    while waiting:
        for child in children.pop(waiting.pop(), ()):
            if child not in reached:
                reached.add(child)
                waiting.append(child)
    return reached


def span_set(carried: Iterable[CarriedSpan], spans: set[SpanKey], *, complete: bool) -> SpanSet:
    """Return what is carried of some spans.

    The id of a span that is carried alone is that of a span of any trace. What is more than a
    statement holds is left out.
    """
    span_ids = {span_id for _, span_id in spans}
    keys, alone = [], []
    for span in carried:
        if not span.trace_id:
            if span.span_id in span_ids:
                alone.append(span.span_id)
        elif (span.trace_id, span.span_id) in spans:
            keys.append(span.key)
    room = MOST_INSIDE - len(alone)
    return SpanSet(
        tuple(sorted(keys)[: max(room, 0)]),
        tuple(sorted(alone)[:MOST_INSIDE]),
        complete and len(keys) <= room,
    )
