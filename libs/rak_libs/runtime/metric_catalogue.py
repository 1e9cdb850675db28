"""Every metric that any service exposes: its name, its labels, what it means, what to do about it.

`rak_libs.runtime.metrics` makes the metrics and writes `docs/metrics.md` from this table.
"""

from typing import Literal

from msgspec import Struct

SIZE_BUCKETS = (1, 10, 100, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000)
INSERT_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
QUERY_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class MetricDefinition(Struct, frozen=True, kw_only=True):
    """One metric; `meaning` and `action` are sentences, `buckets` upper bounds of a histogram."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    meaning: str
    action: str


CATALOGUE: tuple[MetricDefinition, ...] = (
    MetricDefinition(
        name="ingest_spans_received_total",
        kind="counter",
        labels=("transport",),
        meaning="Spans in the requests that arrived, by transport (`grpc`, `http`), before any "
        "was rejected.",
        action="Compare its rate with what the agents send; a rate that falls to zero while agents "
        "run means that they cannot reach the receiver.",
    ),
    MetricDefinition(
        name="ingest_spans_rejected_total",
        kind="counter",
        labels=("reason",),
        meaning="Spans refused one by one while the rest of their request was kept, by reason "
        "(an id of wrong length, a time outside the window).",
        action="Each is lost for good. `time_future` and `time_expired` point at clocks or "
        "replays, the id reasons at a broken exporter.",
    ),
    MetricDefinition(
        name="ingest_requests_total",
        kind="counter",
        labels=("transport", "outcome"),
        meaning="Export requests answered, by transport and outcome.",
        action="Retryable outcomes mean that the broker is slow or down, or the memory budget is "
        "used up: see the receiver's `/readyz`. Permanent ones mean a client that sends bad data.",
    ),
    MetricDefinition(
        name="ingest_batch_size",
        kind="histogram",
        labels=("signal",),
        buckets=SIZE_BUCKETS,
        meaning="Rows in one INSERT, by signal.",
        action="Many small INSERTs cost the engine most: raise [server] batch_timeout_seconds or "
        "run fewer writers.",
    ),
    MetricDefinition(
        name="ingest_flush_duration_seconds",
        kind="histogram",
        labels=("signal",),
        buckets=INSERT_SECONDS,
        meaning="Seconds from the start of an INSERT to the engine's answer, failed ones included.",
        action="A rising upper quantile means an engine that is busy merging or short of memory.",
    ),
    MetricDefinition(
        name="ingest_buffer_size",
        kind="gauge",
        labels=("signal",),
        meaning="What waits to be handed on: bytes in flight to the broker in a receiver, rows "
        "not yet inserted in a writer.",
        action="A receiver near [receiver] memory_budget_bytes refuses requests; a writer that "
        "stays full cannot reach the engine.",
    ),
    MetricDefinition(
        name="ingest_buffer_limit",
        kind="gauge",
        labels=("signal",),
        meaning="What ingest_buffer_size of a receiver may reach, in bytes: its "
        "[receiver] memory_budget_bytes.",
        action="Alert when ingest_buffer_size stays above 0.8 of it: agents are about to be told "
        "to come again later.",
    ),
    MetricDefinition(
        name="ingest_consumer_lag",
        kind="gauge",
        labels=("topic", "partition"),
        meaning="Messages in the topic that this writer has not committed yet.",
        action="Growing for minutes: add writers (up to one a partition) or look at the engine.",
    ),
    MetricDefinition(
        name="ingest_dead_letters_total",
        kind="counter",
        labels=("topic", "reason"),
        meaning="Messages, or single items of them, set aside in the topic's dead-letter topic.",
        action="Nothing is lost: read the message's headers for the reason, correct the cause and "
        "replay it.",
    ),
    MetricDefinition(
        name="ingest_insert_errors_total",
        kind="counter",
        labels=("code",),
        meaning="INSERTs that failed, by ClickHouse's error code (`network` without one).",
        action="Look the code up in system.errors; codes of missing columns or tables mean that "
        "`rak-migrate up` has not run.",
    ),
    MetricDefinition(
        name="ingest_spans_adjusted_total",
        kind="counter",
        labels=("reason",),
        meaning="Spans kept with a value corrected, such as an end before the start.",
        action="None is needed; a high rate points at an instrumentation that should be corrected.",
    ),
    MetricDefinition(
        name="query_requests_total",
        kind="counter",
        labels=("path", "status"),
        meaning="Requests answered by the query service, by route and HTTP status.",
        action="Answers of 5xx mean an engine that is down or over its limits: see `/readyz` and "
        "the log.",
    ),
    MetricDefinition(
        name="query_duration_seconds",
        kind="histogram",
        labels=("path",),
        buckets=QUERY_SECONDS,
        meaning="Seconds from a question's arrival to the end of its answer, by route.",
        action="Slow routes: narrow the time range asked for, or give the engine more memory.",
    ),
)
