"""The rows of rollups as subqueries, in the form of points: a row is at the begin of its window.

What a row says of its window has the names that the growths of points have, so that histograms are
added up by the same statements; numbers have names of their own.
"""

from rak_services.query.metrics.groups import Kind
from rak_services.query.metrics.segments import Segment

_NUMBERS = """\
        points AS rolled_points,
        sum AS rolled_sum,
        min AS rolled_min,
        max AS rolled_max,
        last AS rolled_last,
        toUnixTimestamp64Nano(last_timestamp) AS rolled_last_at,
        increase AS rolled_increase"""
_COUNTS = """\
        toInt64(count) AS growth,
        sum AS sum_growth,
        min AS lowest,
        max AS highest"""
_BUCKETS = """,
        explicit_bounds AS bounds,
        arrayMap(bucket -> toInt64(bucket), bucket_counts) AS bucket_growth"""
_EXPONENTIAL = """,
        zero_threshold AS threshold,
        [(toInt64(1), scale, toInt64(zero_count),
            arrayMap(index -> toInt64(index), positive_indexes),
            arrayMap(bucket -> toInt64(bucket), positive_counts),
            arrayMap(index -> toInt64(index), negative_indexes),
            arrayMap(bucket -> toInt64(bucket), negative_counts))] AS gains"""


def rollup_sql(kind: Kind, segment: Segment, of: str, *, buckets: bool) -> str:
    """Return the rows of a segment's rollup; placeholders: metric_name, since, until.

    Args:
        kind: Of which kind the series are.
        segment: Which rollup.
        of: The condition on series.
        buckets: With the buckets of histograms.
    """
    match kind.metric_type:
        case "HISTOGRAM":
            columns = _COUNTS + (_BUCKETS if buckets else "")
        case "EXPONENTIAL_HISTOGRAM":
            columns = _COUNTS + (_EXPONENTIAL if buckets else "")
        case _:
            columns = _NUMBERS
    return f"""\
    SELECT
        fingerprint,
        toUnixTimestamp64Nano(timestamp) AS at,
{columns}
    FROM {segment.table(kind).name} FINAL
    WHERE metric_name = %(metric_name)s
        AND timestamp >= fromUnixTimestamp64Nano(%(since)s, 'UTC')
        AND timestamp < fromUnixTimestamp64Nano(%(until)s, 'UTC')
        AND {of}"""
