"""The SQL that sums up histograms with explicit bounds by windows."""

from typing import Final

from rak_services.derive.metrics.points_sql import (
    DIFFERENCE,
    NOTHING,
    Points,
    Portion,
    counted_points,
)

HISTOGRAMS: Final = Points(
    table="metric_histograms",
    payload={
        "total": "count",
        "total_sum": "sum",
        "least": "min",
        "greatest": "max",
        "bounds": "explicit_bounds",
        # Without buckets there is one, which holds everything.
        "buckets": "if(empty(bucket_counts), [count], bucket_counts)",
    },
    previous=("total", "total_sum", "bounds", "buckets"),
    compared=(),
    best_first="total DESC",
    # Of another layout, the predecessor's buckets are cut or filled up to be compared at all.
    fell="(total < previous_total OR arrayExists((now, before) -> now < before,"
    " buckets, arrayResize(previous_buckets, length(buckets))))",
    changed="bounds != previous_bounds",
)

# Unsigned numbers are subtracted to a signed one, which wraps back to the right unsigned one.
_ROLLUP: Final = """\
SELECT
    metric_name, fingerprint,
    fromUnixTimestamp64Nano(window, 'UTC') AS timestamp,
    count() AS points,
    sum(gained) AS count,
    if(countIf(isNull(gained_sum)) > 0, NULL, sum(gained_sum)) AS sum,
    min(least) AS min,
    max(greatest) AS max,
    bounds AS explicit_bounds,
    sumForEach(gained_buckets) AS bucket_counts,
    countIf(is_reset) AS resets
FROM (
    SELECT
        *,
        time - time % {step} AS window,
        multiIf(
            counted = '{nothing}', 0,
            counted = '{difference}', toUInt64(total - previous_total),
            total
        ) AS gained,
        multiIf(
            counted = '{nothing}', if(isNull(total_sum), NULL, 0),
            counted = '{difference}', total_sum - previous_total_sum,
            total_sum
        ) AS gained_sum,
        arrayMap(
            (now, before) -> toUInt64(now - before),
            buckets,
            multiIf(
                counted = '{nothing}', buckets,
                counted = '{difference}', arrayResize(previous_buckets, length(buckets)),
                arrayResize(emptyArrayUInt64(), length(buckets))
            )
        ) AS gained_buckets
    FROM (
{points}
    )
)
GROUP BY metric_name, fingerprint, window, bounds"""


def histogram_rollups(portion: Portion, step_ns: int) -> str:
    """Return the SELECT of a portion's rows of `HISTOGRAM_ROLLUPS`, without `seen_until`."""
    return _ROLLUP.format(
        step=step_ns,
        nothing=NOTHING,
        difference=DIFFERENCE,
        points=counted_points(HISTOGRAMS, portion),
    )
