"""The statements about agents, models, tools and dependencies: rows in order, and their series."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rak_libs.clickhouse.parameters import Parameters
from rak_services.query.ledger_conditions import LOOKUP_SETTINGS
from rak_services.query.span_conditions import Conditions
from rak_services.query.work.parts_sql import STEP_BEGIN, Grain, Names, Reading, parts_sql, texts_of
from rak_services.query.work.subjects import Subject

_QUANTILES: Final = (
    "quantilesExactWeightedArray(0.5, 0.95, 0.99)(mapKeys(p.{name}), mapValues(p.{name}))"
)
_MERGES: Final = {
    "durations": _QUANTILES,
    "first_tokens": _QUANTILES,
    "finish_reasons": "sumMap(p.{name})",
    "resource_memory_peak": "max(p.{name})",
    "last_seen": "toUnixTimestamp64Nano(max(p.{name}))",
}
_KEYS: Final = {
    "name": "",
    "runs": "sum(p.calls)",
    "calls": "sum(p.calls)",
    "errors": "sum(p.errors)",
    "duration": "if(sum(p.calls) = 0, toUInt64(0),"
    " toUInt64(intDiv(sum(p.duration_ns_sum), sum(p.calls))))",
    "tokens": "sum(p.input_tokens) + sum(p.output_tokens) + sum(p.unsplit_tokens)",
    "cost": "sum(p.cost)",
    "last_seen": "toUnixTimestamp64Nano(max(p.last_seen))",
}


@dataclass(frozen=True, slots=True)
class After:
    """Where a page ended: the key of its last row as a decimal number, and its names."""

    key: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """Which rows of an order are wanted.

    Attributes:
        order: The key, `-` before it for descending; ties are by name.
        after: Behind this row; None from the first on.
        rows: How many.
    """

    order: str
    after: After | None
    rows: int


def rows_sql(reading: Reading, part: Part) -> tuple[str, Parameters]:
    """Return the statement for rows in order: columns as `row_names`, and the key as text."""
    by = [f"p.{name}" for name in reading.subject.by]
    key = _KEYS[part.order.removeprefix("-")] or "0"
    having = Conditions()
    having.add(f"sum(p.{reading.counted}) > 0")
    _add_after(having, key, by, part)
    read, parameters = parts_sql(reading, Grain())
    sql = _merged([*by, *_values(reading), f"toString({key})"], read)
    sql += f"""\
GROUP BY {", ".join(by)}
HAVING {having.where()}
ORDER BY {", ".join(_ordered(key, by, part.order))}
LIMIT %(rows)s
{LOOKUP_SETTINGS}
"""
    return sql, {**parameters, **having.parameters, "rows": part.rows}


def series_sql(reading: Reading, step_ns: int, names: Names) -> tuple[str, Parameters]:
    """Return the statement for the steps of some rows, by name and time: columns as `point_names`.

    Of rows with two names, others that share each of them with some of these come too.
    """
    by = [f"p.{name}" for name in reading.subject.by]
    read, parameters = parts_sql(reading, Grain(step_ns), names)
    begin = f"p.{STEP_BEGIN}"
    sql = _merged([*by, begin, *_values(reading)], read)
    sql += f"""\
GROUP BY {", ".join([*by, begin])}
HAVING sum(p.{reading.counted}) > 0
ORDER BY {", ".join([*by, begin])}
{LOOKUP_SETTINGS}
"""
    return sql, {**parameters, "step": step_ns}


def single_sql(reading: Reading, step_ns: int, rows: int) -> tuple[str, Parameters]:
    """Return the statement for all rows about one name: columns as `single_names`.

    First comes the row itself, then its steps by time, then what used it, most calls first. What is
    read is read once for all of them.

    Args:
        reading: What is summed up.
        step_ns: Length of the steps.
        rows: The most rows.
    """
    names = ", ".join(f"p.{name}" for name in reading.subject.by)
    begin, *users = parts = [f"p.{part}" for part in reading.parts]
    read, parameters = parts_sql(reading, Grain(step_ns, reading.subject.users))
    is_part = [f"grouping({part}) = 0" for part in parts]
    sets = [f"({names})", *(f"({names}, {part})" for part in parts)]
    order = [*reversed(is_part), begin, "sum(p.calls) DESC", *users]
    sql = _merged([names, *parts, *is_part, *_values(reading)], read)
    sql += f"""\
GROUP BY GROUPING SETS ({", ".join(sets)})
HAVING sum(p.{reading.counted}) > 0
ORDER BY {", ".join(order)}
LIMIT %(rows)s
{LOOKUP_SETTINGS}
"""
    return sql, {**parameters, "step": step_ns, "rows": rows}


def last_seen_sql(subject: Subject, name: str) -> tuple[str, Parameters]:
    """Return the statement for when something was last seen, at any time: nanoseconds, 0: never.

    A row that was replaced counts too: what is said of it is a hint.
    """
    sql = f"""\
SELECT toUnixTimestamp64Nano(max(last_seen))
FROM {subject.summary.table.name}
WHERE {subject.by[0]} = %(name)s
    AND entries > 0
"""  # noqa: S608 - built from constants; values are bound
    return sql, {"name": name}


def _merged(columns: Sequence[str], read: str) -> str:
    selected = ",\n    ".join(columns)
    return f"SELECT\n    {selected}\nFROM\n(\n{read}\n) AS p\n"


def _values(reading: Reading) -> list[str]:
    lists = [f"p.{texts_of(key)}" for key in reading.subject.listed]
    listed = [f"arraySort(groupUniqArrayArray({texts}))" for texts in lists]
    return listed + [
        _MERGES.get(name, "sum(p.{name})").format(name=name) for name in reading.columns
    ]


def _ordered(key: str, by: list[str], order: str) -> Iterator[str]:
    direction = " DESC" if order.startswith("-") else ""
    by_name = order.removeprefix("-") == "name"
    if not by_name:
        yield key + direction
    for name in by:
        yield name + (direction if by_name else "")


def _add_after(having: Conditions, key: str, by: list[str], part: Part) -> None:
    """Keep rows behind the last one of the page before."""
    if part.after is None:
        return
    bound = {f"after_{number}": name for number, name in enumerate(part.after.names)}
    names = f"({', '.join(by)})"
    after = f"({', '.join(f'%({name})s' for name in bound)})"
    descending = part.order.startswith("-")
    if part.order.removeprefix("-") == "name":
        having.add(f"{names} {'<' if descending else '>'} {after}", **bound)
        return
    last = "toDecimal128(%(after_key)s, 12)"
    having.add(
        f"({key} {'<' if descending else '>'} {last} OR ({key} = {last} AND {names} > {after}))",
        after_key=part.after.key,
        **bound,
    )
