"""Profiles that carry no ids of spans: counted whole when spans ran in their invocation meanwhile.

An estimate: what else the process did during such a profile is counted too.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from itertools import accumulate
from operator import itemgetter
from typing import Final, NamedTuple

from rak_libs.clickhouse.parameters import Parameters
from rak_libs.clickhouse.select import Row
from rak_services.query.profiles.span_sets import MOST_SPANS
from rak_services.query.requests import SpanFilters
from rak_services.query.span_conditions import Conditions, add_span_filters, add_time_range
from rak_services.query.time_ranges import Range

MOST_PROFILES: Final = 10_000
"""So many profiles without ids are looked at, the newest."""

MOST_LETTERS: Final = 200_000
"""So long may the invocation ids of a statement be together."""


class LoneProfile(NamedTuple):
    """A profile that carries no id of a span, times in nanoseconds since 1970."""

    profile_id: str
    agent_name: str
    invocation_id: str
    start_ns: int
    end_ns: int


class InvocationSpan(NamedTuple):
    """When a span of an invocation ran, in nanoseconds since 1970."""

    invocation_id: str
    start_ns: int
    end_ns: int


def lone_sql(
    profiles: Conditions, agent: str | None = None, *, whole_agent: bool = False
) -> tuple[str, Parameters]:
    """Return the statement for profiles without ids that may count, the newest first.

    One row: an array for each field of a `LoneProfile`. A profile without a time of its own ended
    when it was received.

    Args:
        profiles: What they meet.
        agent: They are this agent's, or do not say whose they are.
        whole_agent: Those that are this agent's may carry ids of traces, and need not tell their
            invocation.
    """
    conditions = Conditions([*profiles.texts], {**profiles.parameters})
    conditions.add("span_id = ''")
    conditions.add("NOT arrayExists(id -> id != '', samples.span_id)")
    meanwhile = (
        "invocation_id != '' AND trace_id = ''"
        " AND NOT arrayExists(id -> id != '', samples.trace_id)"
    )
    if agent is not None:
        conditions.add("agent_name IN ('', %(own_agent)s)", own_agent=agent)
    conditions.add(f"(agent_name != '' OR ({meanwhile}))" if whole_agent else meanwhile)
    sql = f"""\
SELECT
    groupArray(profile_id),
    groupArray(toString(agent_name)),
    groupArray(invocation_id),
    groupArray(last_ns - length_ns),
    groupArray(last_ns)
FROM (
    SELECT
        profile_id,
        agent_name,
        invocation_id,
        toInt64(duration_ns) AS length_ns,
        toUnixTimestamp64Nano(timestamp) + if(time_is_received, 0, length_ns) AS last_ns
    FROM cpu_profiles
    WHERE {conditions.where("    ")}
    ORDER BY timestamp DESC, profile_id
    LIMIT 1 BY profile_id
    LIMIT {MOST_PROFILES + 1}
)
"""  # noqa: S608 - built from constants; values are bound
    return sql, conditions.parameters


def invocation_spans_sql(
    filters: SpanFilters, invocations: Iterable[str], period: Range
) -> tuple[str, Parameters]:
    """Return the statement for when matching spans of some invocations ran.

    One row: an array for each field of an `InvocationSpan`.
    """
    conditions = Conditions()
    add_time_range(conditions, period.since_ns, period.until_ns)
    add_span_filters(conditions, filters)
    conditions.add("invocation_id IN %(invocations)s", invocations=sorted(invocations))
    sql = f"""\
SELECT groupArray(invocation_id), groupArray(start_ns), groupArray(end_ns)
FROM (
    SELECT DISTINCT
        invocation_id,
        toUnixTimestamp64Nano(timestamp) AS start_ns,
        toUnixTimestamp64Nano(end_timestamp) AS end_ns
    FROM spans
    WHERE {conditions.where("    ")}
    LIMIT {MOST_SPANS + 1}
)
"""  # noqa: S608 - built from constants; values are bound
    return sql, conditions.parameters


def lone_profiles_of(row: Row) -> list[LoneProfile]:
    """Return the profiles of the row of `lone_sql`."""
    return [LoneProfile(*profile) for profile in zip(*row, strict=True)]


def invocation_spans_of(row: Row) -> list[InvocationSpan]:
    """Return the spans of the row of `invocation_spans_sql`."""
    return [InvocationSpan(*span) for span in zip(*row, strict=True)]


def invocations_of(profiles: Iterable[LoneProfile]) -> tuple[list[str], bool]:
    """Return the invocations of profiles as far as a statement holds them, and whether all."""
    fitting: list[str] = []
    letters = 0
    for invocation in dict.fromkeys(profile.invocation_id for profile in profiles):
        letters += len(invocation)
        if letters > MOST_LETTERS:
            return fitting, False
        if invocation:
            fitting.append(invocation)
    return fitting, True


def overlapping(profiles: Iterable[LoneProfile], spans: Iterable[InvocationSpan]) -> list[str]:
    """Return the ids of profiles during which, or at an end of which, a span of theirs ran."""
    by_invocation: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for invocation, start_ns, end_ns in spans:
        by_invocation[invocation].append((start_ns, end_ns))
    starts: dict[str, list[int]] = {}
    # The latest end of all spans that started no later, in the order of their starts.
    ends: dict[str, list[int]] = {}
    for invocation, times in by_invocation.items():
        times.sort()
        starts[invocation] = [start for start, _ in times]
        ends[invocation] = list(accumulate(map(itemgetter(1), times), max))
    found = []
    for profile in profiles:
        started = bisect_right(starts.get(profile.invocation_id, []), profile.end_ns)
        if started and ends[profile.invocation_id][started - 1] >= profile.start_ns:
            found.append(profile.profile_id)
    return found
