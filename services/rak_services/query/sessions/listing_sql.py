"""The statements behind the lists of sessions and users, from the totals of traces.

Which of them, in order; then what to say about those of a page; then that over time. No result
column has the name of a stored one: the engine would take it for that column inside WHERE.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from msgspec import Meta, Struct

from rak_libs.clickhouse.parameters import Parameters
from rak_services.query.ledger_conditions import (
    LEDGER_SETTINGS,
    add_ledger_filters,
    add_ledger_range,
)
from rak_services.query.requests import EntryFilters
from rak_services.query.sessions.requests import ActivityFilters
from rak_services.query.span_conditions import Conditions, add_time_range
from rak_services.query.spending import SPENDING_COLUMNS
from rak_services.query.time_ranges import Range

_TOKENS: Final = "sum(input_tokens + output_tokens + unsplit_tokens)"
_FIRST: Final = "toUnixTimestamp64Nano(min(timestamp))"
_LAST: Final = "toUnixTimestamp64Nano(max(end_timestamp))"
_KEYS: Final = {
    "-last_seen": _LAST,
    "first_seen": _FIRST,
    "-duration": f"{_LAST} - {_FIRST}",
    "-sessions": "uniqExactIf(session_id, session_id != '')",
    "-traces": "uniqExact(trace_id)",
    "-errors": "sum(errors)",
    "-llm_calls": "sum(llm_calls)",
    "-tool_calls": "sum(tool_calls)",
    "-tokens": _TOKENS,
    "-cost": "sum(cost)",
}
"""What each order sorts by. Cached tokens are among the input, so none counts twice."""

_OF_TOTALS: Final = {"session": "session_id", "user": "user_id", "trace_id": "trace_id"}
"""Filters that the totals of traces answer themselves, by parameter."""

_LISTED: Final = {
    "service": "services",
    "agent": "agents",
    "model": "models",
    "tool": "tools",
}
"""Filters of which the totals of traces answer one, when it is the only one, by parameter."""

_NO_FILTERS: Final = frozenset({"start", "end", "attr"})

_SUMS: Final = ("spans", "errors", "agent_runs", "llm_calls", "tool_calls")
POINT_COUNTS: Final = ("traces", *_SUMS)
"""What a window tells beside its begin and what was spent, in the order of the statement."""

_SPENT: Final = ",\n    ".join(f"sum({column})" for column in SPENDING_COLUMNS)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a list is of.

    Attributes:
        column: What tells one from another; rows without it are left out.
        counted: What is counted or listed of it beside the rest: SQL.
    """

    column: str
    counted: str


SESSIONS: Final = Subject("session_id", "arraySort(groupUniqArrayIf(user_id, user_id != ''))")
USERS: Final = Subject("user_id", "uniqExactIf(session_id, session_id != '')")


class Place(Struct, frozen=True, array_like=True):
    """Where a page ended: the value that the order sorts by, as a number's text, and the id."""

    key: Annotated[str, Meta(pattern=r"^[0-9]{1,26}(\.[0-9]{1,12})?$")]
    id: str


def keys_sql(
    subject: Subject,
    request: ActivityFilters,
    order: str,
    period: Range,
    after: Place | None,
    rows: int,
) -> tuple[str, Parameters]:
    """Return the statement for a page's ids, each with the text of what it is sorted by."""
    key = _KEYS.get(order, "0")
    direction, comparison = ("DESC", "<") if order.startswith("-") else ("ASC", ">")
    conditions = _conditions(subject, request, period)
    having = Conditions()
    if after is not None:
        having.add(
            f"(toDecimal128(sorted_by, 12) {comparison} toDecimal128(%(after_key)s, 12)"
            " OR (toDecimal128(sorted_by, 12) = toDecimal128(%(after_key)s, 12)"
            f" AND {subject.column} {comparison} %(after_id)s))",
            after_key=after.key,
            after_id=after.id,
        )
    sql = f"""\
SELECT
    {subject.column},
    {key} AS sorted_by,
    toString(sorted_by)
FROM trace_totals FINAL
WHERE {conditions.where()}
GROUP BY {subject.column}
HAVING {having.where()}
ORDER BY sorted_by {direction}, {subject.column} {direction}
LIMIT %(rows)s
{LEDGER_SETTINGS}
"""  # noqa: S608 - built from constants; values are bound
    return sql, {**conditions.parameters, **having.parameters, "rows": rows}


def rows_sql(subject: Subject, ids: Sequence[str], period: Range) -> tuple[str, Parameters]:
    """Return the statement for what is said of some subjects.

    Columns: id, first and last time in nanoseconds, traces, the sums of `_SUMS`, services, agents,
    models, tools, what the subject counts beside, and those of `SPENDING_COLUMNS`.
    """
    conditions = _of_ids(subject, ids, period)
    names = ",\n    ".join(
        f"arraySort(groupUniqArrayArray({column}))"
        for column in ("services", "agents", "models", "tools")
    )
    sums = ",\n    ".join(f"sum({column})" for column in _SUMS)
    sql = f"""\
SELECT
    {subject.column},
    {_FIRST},
    {_LAST},
    uniqExact(trace_id),
    {sums},
    {names},
    {subject.counted},
    {_SPENT}
FROM trace_totals FINAL
WHERE {conditions.where()}
GROUP BY {subject.column}
{LEDGER_SETTINGS}
"""  # noqa: S608 - built from constants; values are bound
    return sql, conditions.parameters


def series_sql(
    subject: Subject, ids: Sequence[str], period: Range, step_ms: int
) -> tuple[str, Parameters]:
    """Return the statement for the work of some subjects over time, a row each.

    Columns: id, and arrays with an element for each window in their order: its begin in
    nanoseconds, those of `POINT_COUNTS`, and of `SPENDING_COLUMNS`.
    """
    conditions = _of_ids(subject, ids, period)
    columns = ("uniqExact(trace_id)", *(f"sum({c})" for c in (*_SUMS, *SPENDING_COLUMNS)))
    named = ",\n        ".join(f"{column} AS c{n}" for n, column in enumerate(columns))
    arrays = ",\n    ".join(f"groupArray(c{n})" for n in range(len(columns)))
    sql = f"""\
SELECT
    {subject.column},
    groupArray(begin_ns),
    {arrays}
FROM (
    SELECT
        {subject.column},
        intDiv(toUnixTimestamp64Nano(timestamp), %(step)s) * %(step)s AS begin_ns,
        {named}
    FROM trace_totals FINAL
    WHERE {conditions.where("    ")}
    GROUP BY {subject.column}, begin_ns
    ORDER BY begin_ns
)
GROUP BY {subject.column}
{LEDGER_SETTINGS}
"""  # noqa: S608 - built from constants; values are bound
    return sql, {**conditions.parameters, "step": step_ms * 1_000_000}


def _of_ids(subject: Subject, ids: Sequence[str], period: Range) -> Conditions:
    conditions = Conditions()
    conditions.add(f"{subject.column} IN %(ids)s", ids=list(ids))
    add_time_range(conditions, period.since_ns, period.until_ns)
    return conditions


def _conditions(subject: Subject, request: ActivityFilters, period: Range) -> Conditions:
    """Return what holds for the rows of the subjects that are asked for.

    A filter on something else holds for a subject when one of its rows, or of its entries in the
    ledger, meets it; all rows of the subject are then summed up.
    """
    conditions, others = Conditions(), Conditions()
    conditions.add(f"{subject.column} != ''")
    add_time_range(conditions, period.since_ns, period.until_ns)
    asked = _asked(request)
    if asked <= _OF_TOTALS.keys() or (len(asked) == 1 and asked <= _LISTED.keys()):
        _add_of_totals(conditions, others, subject, request)
        if others.texts:
            add_time_range(others, period.since_ns, period.until_ns)
            conditions.add(_among(subject, "trace_totals", others))
    else:
        add_ledger_range(others, period.since_ns, period.until_ns)
        add_ledger_filters(others, request)
        conditions.add(_among(subject, "ledger", others))
    conditions.parameters.update(others.parameters)
    return conditions


def _asked(request: ActivityFilters) -> set[str]:
    """Return the names of the filters that are given."""
    names = EntryFilters.__struct_fields__
    given = {name for name in names if name not in _NO_FILTERS and getattr(request, name)}
    return given | ({"attr"} if request.attr.pairs else set())


def _add_of_totals(
    conditions: Conditions, others: Conditions, subject: Subject, request: ActivityFilters
) -> None:
    """Add filters on the subject itself to its own conditions, any other to those of its rows."""
    for parameter, column in _OF_TOTALS.items():
        text = getattr(request, parameter)
        if text is not None:
            holder = conditions if column == subject.column else others
            holder.add(f"{column} = %({parameter})s", **{parameter: text})
    for parameter, column in _LISTED.items():
        text = getattr(request, parameter)
        if text is not None:
            others.add(f"has({column}, %({parameter})s)", **{parameter: text})


def _among(subject: Subject, table: str, conditions: Conditions) -> str:
    """Return the condition that a row of a table is about the same subject, on any shard."""
    found = f"SELECT {subject.column} FROM {table} FINAL WHERE {conditions.where(' ' * 4)}"  # noqa: S608
    return f"{subject.column} GLOBAL IN ({found})"
