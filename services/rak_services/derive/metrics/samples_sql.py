"""The SQL that sums up counters, up-down counters and gauges by windows."""

from typing import Final

from rak_services.derive.metrics.points_sql import (
    DIFFERENCE,
    NOTHING,
    Points,
    Portion,
    counted_points,
)

SAMPLES: Final = Points(
    table="metric_samples",
    payload={"number": "value", "remainder": "value_remainder", "number_type": "value_type"},
    previous=("number", "remainder"),
    compared=(),
    best_first="number DESC, remainder DESC",
    fell="(metric_type = 'COUNTER' AND (number < previous_number"
    " OR (number = previous_number AND remainder < previous_remainder)))",
    changed="false",
)

_ROLLUP: Final = """\
SELECT
    metric_name, fingerprint,
    fromUnixTimestamp64Nano(window, 'UTC') AS timestamp,
    count() AS points,
    sum(number + remainder) AS sum,
    min(number) AS min,
    max(number) AS max,
    argMax(number, time) AS last,
    argMax(remainder, time) AS last_remainder,
    argMax(number_type, time) AS last_value_type,
    fromUnixTimestamp64Nano(max(time), 'UTC') AS last_timestamp,
    sum(gain) AS increase,
    countIf(is_reset AND metric_type != 'GAUGE') AS resets
FROM (
    SELECT
        *,
        time - time % {step} AS window,
        multiIf(
            metric_type = 'GAUGE' OR counted = '{nothing}', 0,
            counted = '{difference}', (number - previous_number) + (remainder - previous_remainder),
            number + remainder
        ) AS gain
    FROM (
{points}
    )
)
GROUP BY metric_name, fingerprint, window"""


def sample_rollups(portion: Portion, step_ns: int) -> str:
    """Return the SELECT of a portion's rows of `SAMPLE_ROLLUPS`, without `seen_until`."""
    return _ROLLUP.format(
        step=step_ns,
        nothing=NOTHING,
        difference=DIFFERENCE,
        points=counted_points(SAMPLES, portion),
    )
