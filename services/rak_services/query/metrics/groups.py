"""Which groups a question has: what the series are, and that nothing is mixed that must not be."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.clickhouse.parameters import Parameter, Parameters
from rak_libs.clickhouse.select import Row
from rak_services.query.endpoint import Store
from rak_services.query.metrics.labels import POINT_LABELS_SQL, label_sql
from rak_services.query.metrics.plan import ALL_LABELS, Plan
from rak_services.query.metrics.selector import Selector, series_conditions
from rak_services.query.problems import NotAnswerable, QuestionTooLarge, invalid

MAX_CELLS: Final = 1_000_000
"""How many values, groups times windows, an answer may have."""

_CANNOT_COMPILE_REGEXP: Final = 427
_NUMBERS: Final = ("COUNTER", "GAUGE", "UP_DOWN_COUNTER")
_HISTOGRAMS: Final = ("HISTOGRAM", "EXPONENTIAL_HISTOGRAM")
_DEFINED: Final[dict[str, frozenset[str]]] = {
    "avg": frozenset({*_NUMBERS, *_HISTOGRAMS, "SUMMARY"}),
    "sum": frozenset({*_NUMBERS, *_HISTOGRAMS, "SUMMARY"}),
    "min": frozenset({*_NUMBERS, *_HISTOGRAMS}),
    "max": frozenset({*_NUMBERS, *_HISTOGRAMS}),
    "count": frozenset({*_NUMBERS, *_HISTOGRAMS, "SUMMARY"}),
    "last": frozenset(_NUMBERS),
    "rate": frozenset({"COUNTER", "UP_DOWN_COUNTER", *_HISTOGRAMS, "SUMMARY"}),
    "increase": frozenset({"COUNTER", "UP_DOWN_COUNTER", *_HISTOGRAMS, "SUMMARY"}),
    "quantile": frozenset({*_NUMBERS, *_HISTOGRAMS, "SUMMARY"}),
}
"""The types that each function has a meaning for."""


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """What series must agree in before their values may be put together."""

    metric_type: str
    temporality: str
    unit: str

    @property
    def is_delta(self) -> bool:
        """Whether a point says what came since the one before, and not since the start."""
        return self.temporality == "DELTA"

    def of(self, selector: Selector) -> Selector:
        """Return the selector of only the series of this kind."""
        return Selector(
            metric_name=selector.metric_name,
            matchers=selector.matchers,
            metric_type=self.metric_type,
            temporality=self.temporality,
            unit=self.unit,
        )


@dataclass(frozen=True, slots=True)
class Group:
    """Series of one kind that agree in the labels asked for.

    Attributes:
        number: A hash of the labels, by which statements know the group.
        labels: Name and text of each label that is not empty.
        series: How many series it has.
    """

    number: int
    labels: tuple[tuple[str, str], ...]
    series: int


async def find_groups(store: Store, plan: Plan) -> dict[Kind, dict[int, Group]]:
    """Return the groups of a question by kind and number.

    Raises:
        InvalidParameters: A regular expression is none.
        NotAnswerable: The function has no meaning for one of the kinds.
        QuestionTooLarge: There are more groups than an answer may have.
    """
    most = store.limits.max_result_rows
    if plan.top is None or plan.top > MAX_CELLS // plan.windows:
        most = min(MAX_CELLS // plan.windows, most)
    with regexps_checked():
        found = await store.pool.select(*groups_sql(plan, most + 1))
    if len(found) > most:
        raise QuestionTooLarge(
            f"More than {most:,} groups of series with {plan.windows:,} windows each. Group by "
            "fewer labels, match fewer series, take a longer step, or only the top of them."
        )
    groups: dict[Kind, dict[int, Group]] = {}
    for row in found:
        kind, group = _group(plan, row)
        groups.setdefault(kind, {})[group.number] = group
    _check_defined(plan, groups)
    return groups


@contextmanager
def regexps_checked() -> Iterator[None]:
    """Tell the client when the engine could not read a regular expression.

    Raises:
        InvalidParameters: It could not.
    """
    try:
        yield
    except ClickHouseError as error:
        if error.code == _CANNOT_COMPILE_REGEXP:
            raise invalid("match", "regular expressions in the syntax of RE2") from None
        raise


def groups_sql(plan: Plan, rows: int) -> tuple[str, Parameters]:
    """Return the statement: type, temporality, unit, number, names and texts of labels, series."""
    conditions = series_conditions(plan.selector, plan.since_ns, plan.end_ns)
    number, labels, parameters = group_sql(plan)
    sql = f"""\
SELECT type_name, temporality_name, unit_name, group_number, any(group_labels), count()
FROM (
    SELECT
        fingerprint,
        toString(any(metric_type)) AS type_name,
        toString(any(temporality)) AS temporality_name,
        any(unit) AS unit_name,
        any({number}) AS group_number,
        any({labels}) AS group_labels
    FROM metric_series
    WHERE {conditions.where("    ")}
    GROUP BY fingerprint
)
GROUP BY type_name, temporality_name, unit_name, group_number
LIMIT %(rows)s
"""  # noqa: S608 - built from constants; values are bound
    return sql, {**conditions.parameters, **parameters, "rows": rows}


def group_sql(plan: Plan) -> tuple[str, str, dict[str, Parameter]]:
    """Return what tells groups apart: a hash, labels as pairs (SQL), values of placeholders."""
    if plan.by == (ALL_LABELS,):
        labels = f"arrayConcat([('service_name', toString(service_name))], {POINT_LABELS_SQL})"
        return f"cityHash64({labels})", labels, {}
    if not plan.by:
        return "toUInt64(0)", "CAST([], 'Array(Tuple(String, String))')", {}
    pairs: list[str] = []
    parameters: dict[str, Parameter] = {}
    for index, label in enumerate(plan.by):
        text, bound = label_sql(label, f"by_{index}")
        parameters |= {**bound, f"by_{index}_name": label}
        pairs.append(f"(%(by_{index}_name)s, toString({text}))")
    labels = f"[{', '.join(pairs)}]"
    return f"cityHash64({labels})", labels, parameters


def series_sql(plan: Plan, kind: Kind) -> tuple[str, dict[str, Parameter]]:
    """Return a query of the series of one kind: `fingerprint` and `group_number`."""
    conditions = series_conditions(kind.of(plan.selector), plan.since_ns, plan.end_ns)
    number, _, parameters = group_sql(plan)
    used = {name: value for name, value in parameters.items() if f"%({name})s" in number}
    sql = f"""\
SELECT fingerprint, any({number}) AS group_number
    FROM metric_series
    WHERE {conditions.where("    ")}
    GROUP BY fingerprint"""  # noqa: S608 - built from constants; values are bound
    return sql, {**conditions.parameters, **used}


def _group(plan: Plan, row: Row) -> tuple[Kind, Group]:
    type_, temporality, unit, number, pairs, series = row
    labels = tuple((name, text) for name, text in pairs if text or plan.by != (ALL_LABELS,))
    return Kind(type_, temporality, unit), Group(number, labels, series)


def _check_defined(plan: Plan, kinds: Collection[Kind]) -> None:
    function = plan.aggregation.function
    without = sorted({kind.metric_type for kind in kinds} - _DEFINED[function])
    if not without:
        return
    others = sorted({kind.metric_type for kind in kinds} & _DEFINED[function])
    advice = f" Choose with type={' or type='.join(others)}." if others else ""
    raise NotAnswerable(
        f"{plan.aggregation.text} has no meaning for {plan.selector.metric_name!r}, which is "
        f"stored as {', '.join(without)}.{advice}"
    )
