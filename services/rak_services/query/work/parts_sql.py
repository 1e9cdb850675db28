"""The rows that are merged: of a summary's whole slots, and of the ledger's entries alike.

Both have the columns of the summary's table, so that what is asked has the same numbers wherever
it is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rak_libs.clickhouse.parameters import Parameter, Parameters
from rak_services.query.ledger_conditions import add_ledger_filters, add_ledger_range
from rak_services.query.requests import SpanFilters
from rak_services.query.span_conditions import Conditions, add_time_range
from rak_services.query.work.sources import Sources
from rak_services.query.work.subjects import Subject

STEP_BEGIN: Final = "begin_ns"
"""The column of the begin of a step, nanoseconds since 1970."""

USER: Final = "user"
"""The column of the name of what used it."""
IS_STEP: Final = "is_step"
"""1 in a row about one step."""
IS_USER: Final = "is_user"
"""1 in a row about what one user used."""

Names = Sequence[tuple[str, ...]]


def texts_of(key: str) -> str:
    """Return the column that lists the texts of a key."""
    return f"{key}_list"


@dataclass(frozen=True, slots=True)
class Reading:
    """What is summed up.

    Attributes:
        subject: What rows are about.
        columns: The values of its summary that are read.
        filters: Which entries count.
        sources: Where they are.
    """

    subject: Subject
    columns: tuple[str, ...]
    filters: SpanFilters
    sources: Sources

    @property
    def row_names(self) -> tuple[str, ...]:
        """The names of the columns of a row, in order."""
        return (*self.subject.by, *self.subject.listed, *self.columns)

    @property
    def point_names(self) -> tuple[str, ...]:
        """The names of the columns of a point of a series, in order."""
        return (*self.subject.by, STEP_BEGIN, *self.subject.listed, *self.columns)

    @property
    def parts(self) -> tuple[str, ...]:
        """The columns that tell apart rows beside a single one: of steps, and of users."""
        return (STEP_BEGIN, *self.subject.users)

    @property
    def single_names(self) -> tuple[str, ...]:
        """The names of the columns of all rows about one name, in order."""
        count = len(self.parts)
        marked = (*(STEP_BEGIN, USER)[:count], *(IS_STEP, IS_USER)[:count])
        return (*self.subject.by, *marked, *self.subject.listed, *self.columns)

    @property
    def counted(self) -> str:
        """The value that is 0 in rows that say that there is nothing."""
        return next(iter(self.subject.summary.values))


@dataclass(frozen=True, slots=True)
class Grain:
    """What rows to merge are told apart by, beside what they are about.

    Attributes:
        step_ns: Length of the steps that they are of, `%(step)s` in the text; None: of none.
        keys: Further keys of the summary.
    """

    step_ns: int | None = None
    keys: tuple[str, ...] = ()


def parts_sql(reading: Reading, grain: Grain, names: Names = ()) -> tuple[str, Parameters]:
    """Return the SELECTs of the rows to merge, in one text.

    Args:
        reading: What is summed up.
        grain: How finely.
        names: Only rows with these names, of each key by itself; empty: all.
    """
    sources = reading.sources
    statements = []
    if sources.slots is not None:
        statements.append(_summary_sql(reading, grain, names))
    if sources.slots is None or sources.edges:
        statements.append(_ledger_sql(reading, grain, names))
    parameters: dict[str, Parameter] = {}
    for _, bound in statements:
        parameters |= bound
    return "\n    UNION ALL\n".join(sql for sql, _ in statements), parameters


def _summary_sql(reading: Reading, grain: Grain, names: Names) -> tuple[str, Parameters]:
    """Return the SELECT of a summary's rows of whole slots."""
    subject, slots = reading.subject, reading.sources.slots
    conditions = Conditions()
    if slots is not None:
        first, end = slots
        conditions.add("slot >= toDateTime(%(first_slot)s, 'UTC')", first_slot=first)
        if end is not None:
            conditions.add("slot < toDateTime(%(end_slot)s, 'UTC')", end_slot=end)
    for parameter in subject.filters:
        text = getattr(reading.filters, parameter)
        if text is not None:
            conditions.add(subject.condition(parameter), **{parameter: text})
    _add_names(conditions, subject, names)
    conditions.add(f"{reading.counted} > 0")
    grouped = [*subject.by, *grain.keys]
    if grain.step_ns is not None:
        begin = "toInt64(intDiv(toUnixTimestamp(slot) * 1000000000, %(step)s) * %(step)s)"
        grouped.append(f"{begin} AS {STEP_BEGIN}")
    listed = [f"[{key}] AS {texts_of(key)}" for key in subject.listed]
    selected = [*grouped, *listed, *_inner_columns(reading)]
    return _select(selected, f"{subject.summary.table.name} FINAL", conditions)


def _ledger_sql(reading: Reading, grain: Grain, names: Names) -> tuple[str, Parameters]:
    """Return the SELECT of the ledger's entries, summed up as the summary is."""
    subject, sources = reading.subject, reading.sources
    conditions = Conditions()
    if sources.slots is None:
        add_ledger_range(conditions, sources.period.since_ns, sources.period.until_ns)
    else:
        conditions.add("slot IN %(edges)s", edges=sources.edges)
        add_time_range(conditions, sources.period.since_ns, sources.period.until_ns)
    for parameter, condition in subject.conditions.items():
        text = getattr(reading.filters, parameter)
        if text is not None:
            conditions.add(condition, **{parameter: text})
    add_ledger_filters(conditions, reading.filters, without=frozenset(subject.conditions))
    _add_names(conditions, subject, names)
    conditions.add(subject.summary.entries)
    by = (*subject.by, *grain.keys)
    grouped = [f"e.{key} AS {key}" for key in by]
    if grain.step_ns is not None:
        begin = "intDiv(toUnixTimestamp64Nano(e.timestamp), %(step)s) * %(step)s"
        grouped.append(f"{begin} AS {STEP_BEGIN}")
    listed = [f"groupUniqArray(e.{key}) AS {texts_of(key)}" for key in subject.listed]
    values = [f"{subject.summary.values[name]} AS {name}" for name in _inner_columns(reading)]
    sql, parameters = _select([*grouped, *listed, *values], "ledger AS e FINAL", conditions)
    keys = [f"e.{key}" for key in by] + [STEP_BEGIN] * (grain.step_ns is not None)
    return f"{sql}\n    GROUP BY {', '.join(keys)}", parameters


def _select(columns: Sequence[str], table: str, conditions: Conditions) -> tuple[str, Parameters]:
    selected = ",\n        ".join(columns)
    sql = f"    SELECT\n        {selected}\n    FROM {table}\n    WHERE {conditions.where(' ' * 4)}"
    return sql, conditions.parameters


def _inner_columns(reading: Reading) -> list[str]:
    """Return the values that are read: those asked for and the one that tells rows of nothing."""
    return list(dict.fromkeys([reading.counted, *reading.columns]))


def _add_names(conditions: Conditions, subject: Subject, names: Names) -> None:
    if not names:
        return
    for number, key in enumerate(subject.by):
        texts = sorted({name[number] for name in names})
        conditions.add(f"{key} IN %(names_{number})s", **{f"names_{number}": texts})
