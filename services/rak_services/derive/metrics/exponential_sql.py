"""The SQL that sums up exponential histograms by windows.

A side's buckets are an array of counts from an offset on. Bucket `i` at one scale lies in bucket
`bitShiftRight(i, n)` at a scale lower by `n`: the shift rounds down, which for negative indexes is
right and a division is not. Most points have the scale and offsets of their predecessor, so arrays
are subtracted and added place by place; what is dearer stands in branches that the engine takes
for other points alone.
"""

from typing import Final

from rak_services.derive.metrics.points_sql import (
    DIFFERENCE,
    NOTHING,
    Points,
    Portion,
    counted_points,
)

SIDES: Final = ("positive", "negative")


def _lowered(counts: str, offset: str, by: str) -> str:
    """Return the counts at a scale lower by `by`, the first of them for the shifted offset.

    Each new bucket sums up a range of the old ones, which the first and last may fill in part.
    """
    end = f"{offset} + toInt64(length({counts}))"
    first = f"bitShiftRight({offset}, {by})"
    begins = f"greatest(bitShiftLeft({first} + place, {by}), {offset})"
    ends = f"least(bitShiftLeft({first} + place + 1, {by}), {end})"
    places = f"range(toUInt64(bitShiftRight({end} - 1, {by}) - {first} + 1))"
    ranges = f"arrayMap(place -> ({begins} - {offset} + 1, toUInt64({ends} - {begins})), {places})"
    summed = f"arrayReduceInRanges('sum', {ranges}, {counts})"
    return f"if({by} = 0 OR empty({counts}), {counts}, {summed})"


def _at_joint_scale(side: str) -> dict[str, str]:
    """Return a point's buckets and its predecessor's at the lower of their scales."""
    offset, previous_offset = f"toInt64({side}_offset)", f"toInt64(previous_{side}_offset)"
    before_offset = f"bitShiftRight({previous_offset}, previous_shift)"
    return {
        f"{side}_now": _lowered(f"{side}_buckets", offset, "shift"),
        f"{side}_now_offset": f"bitShiftRight({offset}, shift)",
        f"{side}_lowered": _lowered(f"previous_{side}_buckets", previous_offset, "previous_shift"),
        f"{side}_moved": f"bitShiftRight({offset}, shift) - {before_offset}",
    }


def _aligned(side: str) -> dict[str, str]:
    """Return the predecessor's buckets at the places of the point's.

    What they then lack of its counts has fallen to nothing.
    """
    moved, now, lowered = f"{side}_moved", f"{side}_now", f"{side}_lowered"
    fill = f"arrayResize(emptyArrayUInt64(), least(-{moved}, toInt64(length({now}))))"
    return {
        f"{side}_before": f"arrayResize(if({moved} >= 0, arraySlice({lowered}, {moved} + 1),"
        f" arrayConcat({fill}, {lowered})), length({now}))"
    }


def _fell(side: str) -> str:
    return (
        f"arrayExists((now, before) -> now < before, {side}_now, {side}_before)"
        f" OR arraySum({side}_before) != arraySum({side}_lowered)"
    )


EXPONENTIAL_HISTOGRAMS: Final = Points(
    table="metric_exponential_histograms",
    payload={
        "total": "count",
        "total_sum": "sum",
        "least": "min",
        "greatest": "max",
        "scale": "scale",
        "zeros": "zero_count",
        # Rows with a NaN in their key would not replace each other.
        "threshold": "if(isNaN(zero_threshold), 0, zero_threshold)",
        "positive_offset": "positive_offset",
        "positive_buckets": "positive_counts",
        "negative_offset": "negative_offset",
        "negative_buckets": "negative_counts",
    },
    previous=(
        "total",
        "total_sum",
        "scale",
        "zeros",
        "threshold",
        "positive_offset",
        "positive_buckets",
        "negative_offset",
        "negative_buckets",
    ),
    compared=(
        # Without a predecessor its scale reads as 0, which must not count.
        {"before_scale": "if(previous_time > 0, previous_scale, scale)"},
        {"joint_scale": "least(scale, before_scale)"},
        {"shift": "scale - joint_scale", "previous_shift": "before_scale - joint_scale"},
        _at_joint_scale("positive") | _at_joint_scale("negative"),
        _aligned("positive") | _aligned("negative"),
    ),
    best_first="total DESC",
    fell="(total < previous_total OR zeros < previous_zeros"
    f" OR {_fell('positive')} OR {_fell('negative')})",
    changed="threshold != previous_threshold",
)

_ROLLUP: Final = """\
SELECT
    metric_name, fingerprint, timestamp, points, count, sum, min, max,
    lowest AS scale, zero_count, zero_threshold, resets,
    positive.1 AS positive_indexes,
    positive.2 AS positive_counts,
    negative.1 AS negative_indexes,
    negative.2 AS negative_counts
FROM (
SELECT *,{pairs}
FROM (
    SELECT
        metric_name, fingerprint,
        fromUnixTimestamp64Nano(window, 'UTC') AS timestamp,
        count() AS points,
        sum(gained) AS count,
        if(countIf(isNull(gained_sum)) > 0, NULL, sum(gained_sum)) AS sum,
        min(least) AS min,
        max(greatest) AS max,
        min(gained_scale) AS lowest,
        max(gained_scale) AS highest,
        sum(gained_zeros) AS zero_count,
        threshold AS zero_threshold,
        countIf(is_reset) AS resets,{sums}
        groupArray((gained_scale, {gains})) AS gains
    FROM (
        SELECT
            *,
            time - time % {step} AS window,
            if(counted = '{difference}', joint_scale, scale) AS gained_scale,
            multiIf(
                counted = '{nothing}', 0,
                counted = '{difference}', toUInt64(total - previous_total),
                total
            ) AS gained,
            multiIf(
                counted = '{nothing}', 0,
                counted = '{difference}', toUInt64(zeros - previous_zeros),
                zeros
            ) AS gained_zeros,
            multiIf(
                counted = '{nothing}', if(isNull(total_sum), NULL, 0),
                counted = '{difference}', total_sum - previous_total_sum,
                total_sum
            ) AS gained_sum,{gained}
        FROM (
{points}
        )
    )
    GROUP BY metric_name, fingerprint, window, threshold
)
)"""

# What a point adds to one side, from an offset at `gained_scale`.
_GAINED: Final = """
            if(counted = '{difference}', {side}_now_offset, toInt64({side}_offset))
                AS {side}_gained_offset,
            multiIf(
                counted = '{nothing}', emptyArrayUInt64(),
                counted = '{difference}', arrayMap(
                    (now, before) -> toUInt64(now - before), {side}_now, {side}_before
                ),
                {side}_buckets
            ) AS {side}_gained"""

# Points of one scale and offset are added place by place.
_SUMS: Final = """
        sumForEach({side}_gained) AS {side}_added,
        min({side}_gained_offset) AS {side}_first,
        highest = lowest AND {side}_first = max({side}_gained_offset) AS {side}_is_uniform,"""

_PAIR: Final = """
    if(
        {side}_is_uniform,
        (
            arrayFilter(
                (index, added) -> added > 0,
                arrayMap(place -> {side}_first + toInt64(place) - 1, arrayEnumerate({side}_added)),
                {side}_added
            ),
            arrayFilter(added -> added > 0, {side}_added)
        ),
        arrayReduce(
            'sumMap',
            arrayMap(
                gain -> arrayMap(
                    place -> bitShiftRight(
                        gain.{offset} + toInt64(place) - 1, gain.1 - lowest
                    ),
                    arrayEnumerate(gain.{counts})
                ),
                gains
            ),
            arrayMap(gain -> gain.{counts}, gains)
        )
    ) AS {side}"""


def exponential_rollups(portion: Portion, step_ns: int) -> str:
    """Return the SELECT of a portion's rows of `EXPONENTIAL_ROLLUPS`, without `seen_until`."""
    counts = {"nothing": NOTHING, "difference": DIFFERENCE}
    return _ROLLUP.format(
        **counts,
        step=step_ns,
        gained=",".join(_GAINED.format(side=side, **counts) for side in SIDES),
        sums="".join(_SUMS.format(side=side) for side in SIDES),
        gains=", ".join(f"{side}_gained_offset, {side}_gained" for side in SIDES),
        pairs=",".join(
            _PAIR.format(side=side, offset=2 * place, counts=2 * place + 1)
            for place, side in enumerate(SIDES, start=1)
        ),
        points=counted_points(EXPONENTIAL_HISTOGRAMS, portion),
    )
