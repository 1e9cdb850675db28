"""The statements behind the account; hours are nanoseconds since 1970, as `pipeline.hour` is.

The table of the account is read with FINAL: rows that replace each other count once. No result
column has the name of a stored one: the engine would take it for that column inside WHERE.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rak_libs.clickhouse.parameters import Parameters
from rak_libs.model import pipeline
from rak_libs.model.time_window import HOUR_NS

_RECEIVED: Final = (pipeline.ACCEPTED, pipeline.REJECTED, pipeline.FAILED)
_WRITTEN: Final = (
    pipeline.ARRIVED,
    pipeline.REJECTED,
    pipeline.STORED,
    pipeline.DEAD_LETTERED,
)
_ALIVE: Final = (pipeline.RUNNING, pipeline.ENDED)


@dataclass(frozen=True, slots=True)
class Hours:
    """Which hours of which signal a statement is about.

    Attributes:
        signal: The signal.
        first: The first hour.
        last: The last hour, included.
    """

    signal: str
    first: int
    last: int

    @property
    def parameters(self) -> Parameters:
        """Values of the placeholders."""
        return {"signal": self.signal, "first": self.first, "last": self.last}


_SINCE: Final = "hour >= fromUnixTimestamp64Nano(%(first)s, 'UTC')"
_UNTIL: Final = "hour <= fromUnixTimestamp64Nano(%(last)s, 'UTC')"


def hours_sql(
    signals: Sequence[str], since: int, until: int, after: tuple[int, str] | None, rows: int
) -> tuple[str, Parameters]:
    """Return the statement for hours of which anything is known, newest first: hour, signal.

    Args:
        signals: The signals to list.
        since: First begin of an hour.
        until: Begins of hours are before this.
        after: Hour and signal that ended the page before.
        rows: How many to return at most.
    """
    parameters: dict[str, int | str | Sequence[str]] = {
        "signals": list(signals),
        "first": since,
        "until": until,
        "rows": rows,
    }
    page = ""
    if after is not None:
        page = """
    AND (hour < fromUnixTimestamp64Nano(%(after_hour)s, 'UTC')
        OR (hour = fromUnixTimestamp64Nano(%(after_hour)s, 'UTC') AND signal > %(after_signal)s))"""
        parameters |= {"after_hour": after[0], "after_signal": after[1]}
    sql = f"""\
SELECT DISTINCT toUnixTimestamp64Nano(hour) AS hour_ns, signal
FROM pipeline
WHERE signal IN %(signals)s
    AND outcome != 'position'
    AND {_SINCE}
    AND hour < fromUnixTimestamp64Nano(%(until)s, 'UTC'){page}
ORDER BY hour_ns DESC, signal
LIMIT %(rows)s
"""  # noqa: S608 - built from constants; values are bound
    return sql, parameters


def sources_sql(hours: Hours) -> tuple[str, Parameters]:
    """Return the statement for what receivers and writers say.

    Columns: hour, service, outcome, boot, principal, reason, items, when it was said last (ms).
    """
    sql = f"""\
SELECT
    toUnixTimestamp64Nano(hour) AS hour_ns,
    service, outcome, boot, principal, reason,
    sum(items),
    toUnixTimestamp64Milli(max(at))
FROM pipeline FINAL
WHERE signal = %(signal)s
    AND {_SINCE}
    AND {_UNTIL}
    AND (
        (service = 'receiver' AND outcome IN %(received)s)
        OR (service = 'writer' AND outcome IN %(written)s)
    )
GROUP BY hour_ns, service, outcome, boot, principal, reason
"""  # noqa: S608 - built from constants; values are bound
    bound: Parameters = {"received": _RECEIVED, "written": _WRITTEN}
    return sql, {**hours.parameters, **bound}


def rows_sql(hours: Hours, tables: Sequence[str], expired_day: int) -> tuple[str, Parameters]:
    """Return the statement that holds writers' claims against the rows that are there.

    Rows without a batch are from before there was an account.

    Columns: hour, not found, expired, surplus, unclaimed (as of `pipeline_account.Rows`).

    Args:
        hours: The hours.
        tables: Where the rows are, one an item; rows have `timestamp`, whose day partitions them,
            `ingested_at` and `_batch`.
        expired_day: The last day, since 1970, whose rows the tables may have dropped.
    """
    there = "".join(map(_rows_there, tables))
    sql = f"""\
SELECT
    hour_number,
    sumIf(claimed - found, day_number > %(expired_day)s),
    sumIf(claimed - found, day_number <= %(expired_day)s),
    sumIf(there - found, claimed > 0),
    sumIf(there, claimed = 0)
FROM (
    SELECT
        hour_number,
        sum(claimed_items) AS claimed,
        sum(rows_there) AS there,
        least(claimed, there) AS found,
        day_number
    FROM (
        SELECT
            toUnixTimestamp64Nano(hour) AS hour_number,
            batch AS batch_number,
            toUInt16(day) AS day_number,
            sum(items) AS claimed_items,
            0 AS rows_there
        FROM pipeline FINAL
        WHERE signal = %(signal)s
            AND {_SINCE}
            AND {_UNTIL}
            AND service = 'writer'
            AND outcome = 'stored'
        GROUP BY hour_number, batch_number, day_number{there}
    )
    GROUP BY hour_number, batch_number, day_number
)
GROUP BY hour_number
"""  # noqa: S608 - built from constants; values are bound
    bound: Parameters = {
        "expired_day": expired_day,
        "first_ms": hours.first // 1_000_000,
        "end_ms": (hours.last + HOUR_NS) // 1_000_000,
    }
    return sql, {**hours.parameters, **bound}


def _rows_there(table: str) -> str:
    return f"""
        UNION ALL
        SELECT
            intDiv(toUnixTimestamp64Milli(ingested_at), {pipeline.HOUR_MS}) * {HOUR_NS},
            _batch,
            toUInt16(toDate(timestamp)) AS day_there,
            0,
            count()
        FROM {table}
        WHERE ingested_at >= fromUnixTimestamp64Milli(%(first_ms)s, 'UTC')
            AND ingested_at < fromUnixTimestamp64Milli(%(end_ms)s, 'UTC')
            AND _batch != 0
        GROUP BY 1, 2, 3"""  # noqa: S608 - a name of ours; values are bound


def freshness_sql(hours: Hours) -> tuple[str, Parameters]:
    """Return the statement for how long items took: hour, median and maximum, milliseconds."""
    sql = f"""\
SELECT
    toUnixTimestamp64Nano(hour) AS hour_ns,
    quantileExactWeighted(0.5)(freshness_ms, items),
    max(freshness_ms)
FROM pipeline FINAL
WHERE signal = %(signal)s
    AND {_SINCE}
    AND {_UNTIL}
    AND service = 'writer'
    AND outcome = 'arrived'
    AND items > 0
GROUP BY hour_ns
"""  # noqa: S608 - built from constants; values are bound
    return sql, hours.parameters


def receivers_sql(signal: str, first: int) -> tuple[str, Parameters]:
    """Return the statement for the runs of receivers that showed life since an hour.

    Columns: boot, start (ms), last sign of life (ms), whether it ended, release.
    """
    sql = f"""\
SELECT
    boot,
    toUnixTimestamp64Milli(min(started_at)),
    toUnixTimestamp64Milli(max(at)),
    max(outcome = 'ended'),
    argMax(release, at)
FROM pipeline FINAL
WHERE signal = %(signal)s
    AND {_SINCE}
    AND service = 'receiver'
    AND outcome IN %(alive)s
GROUP BY boot
"""  # noqa: S608 - built from constants; values are bound
    return sql, {"signal": signal, "first": first, "alive": _ALIVE}


def positions_sql(first: int) -> tuple[str, Parameters]:
    """Return the statement for how far writers are, by partition, seen since an hour.

    Columns: signal, topic, partition, written until (ms), then of the newest position: lag, oldest
    unwritten message (ms, 0 without), time (ms), the writer's boot.
    """
    sql = f"""\
SELECT
    signal,
    topic,
    partition,
    toUnixTimestamp64Milli(max(written_until)),
    argMax(lag, (at, sequence)),
    toUnixTimestamp64Milli(argMax(oldest_unwritten, (at, sequence))),
    toUnixTimestamp64Milli(max(at)),
    argMax(boot, (at, sequence))
FROM pipeline FINAL
WHERE service = 'writer'
    AND outcome = 'position'
    AND {_SINCE}
GROUP BY signal, topic, partition
ORDER BY signal, topic, partition
"""  # noqa: S608 - built from constants; values are bound
    return sql, {"first": first}


def newest_status_sql(first: int) -> tuple[str, Parameters]:
    """Return the statement for when the newest status record was written, milliseconds; 0: none."""
    sql = f"""\
SELECT toUnixTimestamp64Milli(max(at))
FROM pipeline
WHERE {_SINCE}
    AND outcome IN ('running', 'ended', 'position')
"""  # noqa: S608 - built from constants; values are bound
    return sql, {"first": first}
