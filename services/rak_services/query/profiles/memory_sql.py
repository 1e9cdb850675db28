"""The statements about memory, of what heap profiles say; one that was sent twice counts once."""

from typing import Annotated, Final

from msgspec import Meta, Struct

from rak_libs.clickhouse.parameters import Parameters
from rak_services.query.profiles.requests import AllocatorOrder, MemoryFilters
from rak_services.query.span_conditions import Conditions, add_time_range
from rak_services.query.time_ranges import Range, StoredTime

VALUES: Final = (
    "total_allocated",
    "allocation_count",
    "current_usage",
    "current_count",
    "peak_usage",
    "rss_bytes",
    "virtual_bytes",
)
"""What a heap profile says, in the order of the statements."""

_EQUAL_COLUMNS: Final = {
    "service": "service_name",
    "agent": "agent_name",
    "invocation": "invocation_id",
    "session": "session_id",
}


class MemoryPlace(Struct, frozen=True, array_like=True):
    """Where a page of memory ended: time, service, agent and, of single profiles, id."""

    timestamp: StoredTime
    service_name: str
    agent_name: str
    profile_id: Annotated[str, Meta(max_length=64)]


def _conditions(filters: MemoryFilters, period: Range, snapshot: int) -> Conditions:
    conditions = Conditions()
    add_time_range(conditions, period.since_ns, period.until_ns)
    for parameter, column in _EQUAL_COLUMNS.items():
        text = getattr(filters, parameter)
        if text is not None:
            conditions.add(f"{column} = %({parameter})s", **{parameter: text})
    conditions.add("inserted_at < fromUnixTimestamp64Milli(%(snapshot)s, 'UTC')", snapshot=snapshot)
    return conditions


def _after(after: MemoryPlace | None) -> Conditions:
    having = Conditions()
    if after is not None:
        having.add(
            "(begin_ns, service_name, agent_name, id)"
            " < (%(after_time)s, %(after_service)s, %(after_agent)s, %(after_id)s)",
            after_time=after.timestamp,
            after_service=after.service_name,
            after_agent=after.agent_name,
            after_id=after.profile_id,
        )
    return having


def memory_sql(
    filters: MemoryFilters, period: Range, snapshot: int, after: MemoryPlace | None, rows: int
) -> tuple[str, Parameters]:
    """Return the statement for single profiles, newest first.

    Columns: time in nanoseconds, service, agent, id, invocation, how many profiles, and `VALUES`.
    """
    conditions, having = _conditions(filters, period, snapshot), _after(after)
    values = ",\n    ".join(f"any({name})" for name in VALUES)
    sql = f"""\
SELECT
    toUnixTimestamp64Nano(max(timestamp)) AS begin_ns,
    service_name,
    agent_name,
    profile_id AS id,
    invocation_id,
    1,
    {values}
FROM memory_profiles
WHERE {conditions.where()}
GROUP BY profile_id, service_name, agent_name, invocation_id
HAVING {having.where()}
ORDER BY begin_ns DESC, service_name DESC, agent_name DESC, id DESC
LIMIT %(rows)s
"""  # noqa: S608 - built from constants; values are bound
    return sql, {**conditions.parameters, **having.parameters, "rows": rows}


def memory_steps_sql(
    filters: MemoryFilters,
    period: Range,
    snapshot: int,
    step_ns: int,
    after: MemoryPlace | None,
    rows: int,
) -> tuple[str, Parameters]:
    """Return the statement for steps of a service and agent, newest first; columns as above."""
    conditions, having = _conditions(filters, period, snapshot), _after(after)
    values = ",\n    ".join(f"max({name})" for name in VALUES)
    sql = f"""\
SELECT
    intDiv(toUnixTimestamp64Nano(timestamp), %(step)s) * %(step)s AS begin_ns,
    service_name,
    agent_name,
    '' AS id,
    '',
    uniqExact(profile_id),
    {values}
FROM memory_profiles
WHERE {conditions.where()}
GROUP BY begin_ns, service_name, agent_name
HAVING {having.where()}
ORDER BY begin_ns DESC, service_name DESC, agent_name DESC
LIMIT %(rows)s
"""  # noqa: S608 - built from constants; values are bound
    return sql, {**conditions.parameters, **having.parameters, "step": step_ns, "rows": rows}


def allocators_sql(
    filters: MemoryFilters, period: Range, snapshot: int, order: AllocatorOrder, rows: int
) -> tuple[str, Parameters]:
    """Return the statement for the places that allocate most.

    Columns: function, file, line, how many profiles, sums of size, count, size and count in use,
    and the largest size in use of one profile.
    """
    conditions = _conditions(filters, period, snapshot)
    sql = f"""\
SELECT
    location,
    filename,
    line,
    count(),
    sum(size) AS all_size,
    sum(number) AS all_count,
    sum(current_size) AS all_current_size,
    sum(current_number) AS all_current_count,
    max(current_size)
FROM
(
    SELECT
        `allocations.location`,
        `allocations.filename`,
        `allocations.line`,
        `allocations.size`,
        `allocations.count`,
        `allocations.current_size`,
        `allocations.current_count`
    FROM memory_profiles
    WHERE {conditions.where(" " * 4)}
    LIMIT 1 BY profile_id
)
ARRAY JOIN
    `allocations.location` AS location,
    `allocations.filename` AS filename,
    `allocations.line` AS line,
    `allocations.size` AS size,
    `allocations.count` AS number,
    `allocations.current_size` AS current_size,
    `allocations.current_count` AS current_number
GROUP BY location, filename, line
ORDER BY all_{order} DESC, location, filename, line
LIMIT %(rows)s
"""  # noqa: S608 - built from constants; values are bound
    return sql, {**conditions.parameters, "rows": rows}


def memory_profiles_sql(
    filters: MemoryFilters, period: Range, snapshot: int
) -> tuple[str, Parameters]:
    """Return the statement for how many heap profiles there are."""
    conditions = _conditions(filters, period, snapshot)
    sql = f"""\
SELECT uniqExact(profile_id)
FROM memory_profiles
WHERE {conditions.where()}
"""  # noqa: S608 - built from constants; values are bound
    return sql, conditions.parameters
