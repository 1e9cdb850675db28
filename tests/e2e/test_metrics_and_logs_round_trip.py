"""Whatever metrics and logs a client may send lie in the tables as they were sent."""

import time
from typing import Any

from fleet import Fleet, lag_is_zero, post_traces, wait_until
from log_generation import canonical_logs, log_requests
from metric_generation import canonical_metrics, metric_requests
from rak_libs.clickhouse.connection import connect
from rak_libs.kafka.topics import OTLP_LOGS, OTLP_METRICS
from rak_libs.model.logs import LOGS
from rak_libs.model.metrics import METRIC_SERIES, METRIC_TABLES
from rak_libs.model.table import Table
from rak_libs.otlp.rebuild_logs import rebuild_logs
from rak_libs.otlp.rebuild_metrics import rebuild_metrics
from round_trips import REQUESTS, drawn
from stored_rows import Rows, read_tables

MARK = "round.trip"


def _send(started: Fleet, path: str, topic: str, requests: list[Any]) -> None:
    for request in requests:
        post_traces(f"{started.otlp_http}{path}", request.SerializeToString())
    wait_until(lambda: lag_is_zero(started, topic), "everything is written", seconds=60)


def _read(started: Fleet, *tables: Table) -> dict[str, Rows]:
    client = connect(started.config.clickhouse)
    try:
        return read_tables(client, tables)
    finally:
        client.disconnect()


def _marked(groups: Any, number: int) -> None:
    """Give everything of a request series of its own, so that no two points are one."""
    for group in groups:
        group.resource.attributes.add(key=MARK).value.int_value = number


def test_generated_data_points_lie_in_the_tables_as_they_were_sent(started: Fleet) -> None:
    requests = drawn(metric_requests(time.time_ns(), least=1), REQUESTS)
    for number, request in enumerate(requests):
        _marked(request.resource_metrics, number)
    assert all(canonical_metrics([request]) for request in requests)
    _send(started, "/v1/metrics", OTLP_METRICS, requests)

    tables = _read(started, *METRIC_TABLES)
    series = [row for row in tables[METRIC_SERIES.name] if MARK in row["resource_attributes"]]
    ours = {row["fingerprint"] for row in series}
    found = {
        name: [row for row in rows if row["fingerprint"] in ours] for name, rows in tables.items()
    }
    assert canonical_metrics([rebuild_metrics(found)]) == canonical_metrics(requests)


def test_generated_log_records_lie_in_the_table_as_they_were_sent(started: Fleet) -> None:
    requests = drawn(log_requests(time.time_ns(), least=1), REQUESTS)
    for number, request in enumerate(requests):
        _marked(request.resource_logs, number)
    assert all(canonical_logs([request]) for request in requests)
    _send(started, "/v1/logs", OTLP_LOGS, requests)

    rows = _read(started, LOGS)[LOGS.name]
    ours = [row for row in rows if MARK in row["resource_attributes"]]
    assert canonical_logs([rebuild_logs(ours)]) == canonical_logs(requests)
