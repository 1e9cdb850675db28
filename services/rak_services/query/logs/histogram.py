"""`GET /api/v1/logs/histogram`: how many records there are of each severity over time."""

from typing import Final

from rak_libs.clickhouse.parameters import Parameters
from rak_libs.model.time_text import SECOND_NS, format_time
from rak_services.query.endpoint import Question, Store
from rak_services.query.logs.answers import LogCounts, LogHistogram
from rak_services.query.logs.conditions import add_record_filters
from rak_services.query.logs.requests import CountLogs
from rak_services.query.logs.severity import NAMES, NUMBERS_EACH, first_of
from rak_services.query.problems import invalid
from rak_services.query.span_conditions import Conditions, add_time_range
from rak_services.query.time_ranges import Range, resolve_range

_MINUTE: Final = 60
_HOUR: Final = 3_600
_DAY: Final = 86_400
_STEPS_SECONDS: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(minutes * _MINUTE for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * _HOUR for hours in (1, 2, 3, 6, 12)),
    *(days * _DAY for days in (1, 2, 7, 30)),
)
_PARTS: Final = 60


async def count_logs(store: Store, _question: Question, request: CountLogs) -> LogHistogram:
    """Answer the counts of a time range, all at once."""
    now = store.now()
    period = resolve_range(request, now)
    step = _step(request, period, now, store.page_rows(None))
    rows = await store.pool.select(*histogram_sql(request, period, step))
    items = [
        LogCounts(
            timestamp=format_time(begin),
            records=records,
            unspecified=records - sum(counts),
            **dict(zip(map(str.lower, NAMES), counts, strict=True)),
        )
        for begin, records, *counts in rows
    ]
    return LogHistogram(step_ns=step, items=items, next_cursor=None, complete=True)


def _step(request: CountLogs, period: Range, now_ns: int, most: int) -> int:
    until = now_ns if period.until_ns is None else period.until_ns
    length = max(until - (period.since_ns or 0), 1)
    if request.step is None:
        return default_step(length)
    step = int(request.step)
    if step < 1 or length // step > most:
        shortest = f"{-(-length // most)}ns"
        raise invalid("step", f"a duration of {shortest} or more, for {most} steps at most")
    return step


def default_step(length_ns: int) -> int:
    """Return the step that divides a range into 60 parts or fewer, in nanoseconds."""
    steps = (seconds * SECOND_NS for seconds in _STEPS_SECONDS)
    longest = _STEPS_SECONDS[-1] * SECOND_NS
    return next((step for step in steps if length_ns <= step * _PARTS), longest)


def histogram_sql(request: CountLogs, period: Range, step_ns: int) -> tuple[str, Parameters]:
    """Return the statement: begin of the step, records, and those of each name, in their order."""
    conditions = Conditions()
    add_time_range(conditions, period.since_ns, period.until_ns)
    add_record_filters(conditions, request)
    counts = ",\n    ".join(
        f"countIf(severity_number BETWEEN {first_of(name)} AND {first_of(name) + NUMBERS_EACH - 1})"
        for name in NAMES
    )
    sql = f"""\
SELECT
    intDiv(toUnixTimestamp64Nano(timestamp), %(step)s) * %(step)s AS begin_ns,
    count(),
    {counts}
FROM logs
WHERE {conditions.where()}
GROUP BY begin_ns
ORDER BY begin_ns
"""  # noqa: S608 - built from constants; values are bound
    return sql, {**conditions.parameters, "step": step_ns}
