"""Every statement about metrics, as golden files under `metric_sql/`.

After a wanted change write them anew: `UPDATE_GOLDEN=1 pytest tests/unit/query/test_metric_sql.py`.
"""

import os
from pathlib import Path
from typing import Any

import pytest

from rak_libs.clickhouse.parameters import Parameters, bind
from rak_services.query.metrics.aggregations import Aggregation
from rak_services.query.metrics.buckets_sql import explicit_sql, exponential_windows_sql
from rak_services.query.metrics.catalogue_sql import (
    MetricKey,
    label_values_sql,
    labels_sql,
    last_seen_sql,
    metrics_sql,
)
from rak_services.query.metrics.exemplars import ExemplarPosition, exemplars_sql, series_of_sql
from rak_services.query.metrics.grid_probe import probe_sql
from rak_services.query.metrics.grids_sql import grids_sql
from rak_services.query.metrics.groups import Kind, groups_sql
from rak_services.query.metrics.matchers import Matcher
from rak_services.query.metrics.members import Members
from rak_services.query.metrics.plan import Plan, plan_of
from rak_services.query.metrics.requests import ListMetrics, QueryMetric
from rak_services.query.metrics.resolution import late_hours_sql, progress_sql
from rak_services.query.metrics.segments import RAW, Segment
from rak_services.query.metrics.selector import Selector
from rak_services.query.metrics.values_sql import values_sql
from rak_services.query.parameter_types import Duration, TimePoint
from rak_services.query.time_ranges import Range

GOLDEN = Path(__file__).parent / "metric_sql"
MINUTE = 60_000_000_000
BEGIN = 1_700_000_040_000_000_000
END = BEGIN + 60 * MINUTE
WEEK = Range(BEGIN, BEGIN + 7 * 1_440 * MINUTE)

COUNTER = Kind("COUNTER", "CUMULATIVE", "1")
DELTA = Kind("COUNTER", "DELTA", "1")
GAUGE = Kind("GAUGE", "UNSPECIFIED", "By")
HISTOGRAM = Kind("HISTOGRAM", "CUMULATIVE", "s")
EXPONENTIAL = Kind("EXPONENTIAL_HISTOGRAM", "CUMULATIVE", "s")
SUMMARY = Kind("SUMMARY", "UNSPECIFIED", "s")

MATCHERS = tuple(
    map(Matcher.parse, ("code=200", "route!=/", "route=~/a'.*", "resource.host.name!~a|b"))
)


def plan(agg: str, **changes: Any) -> Plan:
    request = QueryMetric(
        name="it's a metric",
        agg=Aggregation.parse(agg),
        start=TimePoint.parse(str(BEGIN)),
        end=TimePoint.parse(str(END)),
        step=Duration(5 * MINUTE),
        **changes,
    )
    return plan_of(request, END)


def from_points(kind: Kind, agg: str, **changes: Any) -> tuple[str, Parameters]:
    asked = plan(agg, **changes)
    return values_sql(Members(asked, kind, alone=True), [Segment(RAW, asked.since_ns, END)])


def mixed(end: int) -> list[Segment]:
    """Return segments of every resolution."""
    return [
        Segment(RAW, BEGIN, BEGIN + 5 * MINUTE),
        Segment("1h", BEGIN + 5 * MINUTE, BEGIN + 10 * MINUTE),
        Segment("1m", BEGIN + 10 * MINUTE, end),
    ]


BY_EVERYTHING = ("code", "service_name", "resource.host.name", "fingerprint")
AFTER = ExemplarPosition(BEGIN, END, BEGIN + 5, "18446744073709551615", 3)

STATEMENTS: dict[str, tuple[str, Parameters]] = {
    "metrics": metrics_sql(ListMetrics(), Range(BEGIN, None), None, 51),
    "metrics_every_filter_next_page": metrics_sql(
        ListMetrics(prefix="ht'tp", q="req", service="alpha"),
        WEEK,
        MetricKey("m", "GAUGE", "UNSPECIFIED", "By"),
        51,
    ),
    "last_seen": last_seen_sql(["a", "b"], BEGIN, END),
    "labels": labels_sql("m", WEEK, None, 51),
    "labels_next_page": labels_sql("m", WEEK, "code", 51),
    "label_values": label_values_sql("m", "code", WEEK, None, 51),
    "label_values_of_a_resource_next_page": label_values_sql(
        "m", "resource.host.name", WEEK, "a", 51
    ),
    "groups": groups_sql(plan("avg"), 101),
    "groups_by_every_label": groups_sql(plan("avg", by=("*",)), 101),
    "groups_by_labels_of_some": groups_sql(
        plan("avg", by=BY_EVERYTHING, match=MATCHERS, service="alpha", type="GAUGE", unit="By"),
        101,
    ),
    "numbers_of_a_metric": from_points(GAUGE, "max"),
    "numbers_in_sliding_windows": from_points(
        GAUGE, "avg", by=("code",), window=Duration(15 * MINUTE)
    ),
    "numbers_across_series": from_points(GAUGE, "last", across="avg", by=("code",)),
    "numbers_of_some_series": from_points(GAUGE, "p95", match=MATCHERS),
    "numbers_top": from_points(GAUGE, "sum", by=("code",), top=3),
    "grids": grids_sql(Members(plan("avg", by=("code",)), GAUGE, alone=True)),
    "grids_across_series": grids_sql(
        Members(plan("last", across="count", window=Duration(10 * MINUTE)), GAUGE, alone=False)
    ),
    "grids_probe": (probe_sql(), {}),
    "rate_of_a_counter": from_points(COUNTER, "rate"),
    "increase_of_deltas": from_points(DELTA, "increase", by=("code",)),
    "histograms": from_points(HISTOGRAM, "avg", by=("code",)),
    "exponential_histograms": from_points(EXPONENTIAL, "rate"),
    "summaries": from_points(SUMMARY, "sum"),
    "summary_quantile": from_points(SUMMARY, "p99.9", by=("fingerprint",)),
    "counter_of_mixed_resolutions": values_sql(
        Members(plan("rate", by=("code",)), COUNTER, alone=True), mixed(END)
    ),
    "gauge_of_mixed_resolutions": values_sql(Members(plan("last"), GAUGE, alone=True), mixed(END)),
    "histogram_of_mixed_resolutions": values_sql(
        Members(plan("avg"), HISTOGRAM, alone=True), mixed(END)
    ),
    "explicit_buckets": explicit_sql(
        Members(plan("p95", by=("code",)), HISTOGRAM, alone=True), mixed(END)
    ),
    "exponential_buckets": exponential_windows_sql(
        Members(plan("p95"), EXPONENTIAL, alone=False), mixed(END)
    ),
    "rollup_progress": progress_sql(),
    "late_hours": late_hours_sql(plan("rate"), COUNTER, 1_700_000_000_123, END),
    "exemplars": exemplars_sql(Selector("m"), BEGIN, END, None, 51),
    "exemplars_of_some_series_next_page": exemplars_sql(
        Selector("m", MATCHERS), BEGIN, END, AFTER, 51
    ),
    "exemplar_series": series_of_sql("m", [1, 2**64 - 1]),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_is_as_reviewed(name: str) -> None:
    path = GOLDEN / f"{name}.sql"
    statement = bind(*STATEMENTS[name])
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(statement)
    assert path.read_text() == statement


def test_every_golden_file_is_of_a_statement() -> None:
    assert {path.stem for path in GOLDEN.glob("*.sql")} == set(STATEMENTS)
