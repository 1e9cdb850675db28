"""Every metric that any service exposes: its name, its labels, what it means, what to do about it.

`rak_libs.runtime.metrics` makes the metrics and writes `docs/metrics.md` from this table.
"""

from typing import Literal

from msgspec import Struct

SIZE_BUCKETS = (1, 10, 100, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000)
INSERT_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
DERIVE_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
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
        name="ingest_data_points_received_total",
        kind="counter",
        labels=("transport",),
        meaning="Data points in the requests that arrived, by transport (`grpc`, `http`), before "
        "any was rejected.",
        action="As of `ingest_spans_received_total`.",
    ),
    MetricDefinition(
        name="ingest_data_points_rejected_total",
        kind="counter",
        labels=("reason",),
        meaning="Data points refused one by one while the rest of their request was kept, by "
        "reason (a metric without a name, buckets that do not fit, a time outside the window).",
        action="Each is lost for good. `time_future` and `time_expired` point at clocks or "
        "replays, the other reasons at a broken SDK or converter.",
    ),
    MetricDefinition(
        name="ingest_log_records_received_total",
        kind="counter",
        labels=("transport",),
        meaning="Log records in the requests that arrived, by transport (`grpc`, `http`), before "
        "any was rejected.",
        action="As of `ingest_spans_received_total`.",
    ),
    MetricDefinition(
        name="ingest_log_records_rejected_total",
        kind="counter",
        labels=("reason",),
        meaning="Log records refused one by one while the rest of their request was kept, by "
        "reason (a time outside the window).",
        action="Each is lost for good. `time_future` and `time_expired` point at clocks or "
        "replays, `time_zero` at a bridge that sets no time.",
    ),
    MetricDefinition(
        name="ingest_profiles_received_total",
        kind="counter",
        labels=("profile_type",),
        meaning="Profiles whose upload was read, by type (`CPU`, `HEAP`, …), those that were then "
        "rejected among them.",
        action="As of `ingest_spans_received_total`.",
    ),
    MetricDefinition(
        name="ingest_profiles_rejected_total",
        kind="counter",
        labels=("reason",),
        meaning="Profiles refused for good, by reason: not decodable, too large, a parameter that "
        "is wrong (`context`), or what in the profile contradicts itself.",
        action="Each is lost for good, and its sender was told why. `time_future` and "
        "`time_expired` point at clocks, `context` at a wrong URL, the others at a broken "
        "profiler.",
    ),
    MetricDefinition(
        name="ingest_requests_total",
        kind="counter",
        labels=("signal", "transport", "outcome"),
        meaning="Export requests answered, by signal (`spans`, `metrics`, `logs`, `profiles`; "
        "empty where the path names none), transport and outcome.",
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
        meaning="What waits to be handed on: bytes in flight to the broker in a receiver, of "
        "all signals together (`all`), rows not yet inserted in a writer.",
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
        name="ingest_stalled_seconds",
        kind="gauge",
        labels=("topic",),
        meaning="How long a writer has read and written nothing of the topic although messages "
        "wait for it, or has been in no consumer group; 0 while it is well, or while it is known "
        "why not.",
        action="At [writer] stuck_after_seconds the writer ends with `writer.stuck` and is to be "
        "started again; when it comes back again and again, look at the broker's log.",
    ),
    MetricDefinition(
        name="ingest_dead_letters_total",
        kind="counter",
        labels=("topic", "reason"),
        meaning="Messages, or single items of them, set aside in the topic's dead-letter topic.",
        action="Nothing is lost: `rak-writer dlq list` and `dlq show` say what it is and why; "
        "correct the cause and send it again with `rak-writer dlq replay`.",
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
        name="ingest_verifications_total",
        kind="counter",
        labels=("signal",),
        meaning="Questions to the engine for the rows of a batch whose INSERT may or may not have "
        "been carried out: its answer did not come, or a writer before this one had begun it.",
        action="Some after every crash and restart. A steady rate means INSERTs that time out: "
        "see ingest_flush_duration_seconds, and raise [clickhouse] insert_timeout_seconds.",
    ),
    MetricDefinition(
        name="ingest_spans_adjusted_total",
        kind="counter",
        labels=("reason",),
        meaning="Spans kept with a value corrected, such as an end before the start.",
        action="None is needed; a high rate points at an instrumentation that should be corrected.",
    ),
    MetricDefinition(
        name="ingest_data_points_adjusted_total",
        kind="counter",
        labels=("reason",),
        meaning="Data points kept without an id of an exemplar that had a wrong length. Under "
        "`metric_data`: metrics left out since they have no data of a type that is known.",
        action="None is needed; `metric_data` may mean that senders are newer than this receiver.",
    ),
    MetricDefinition(
        name="ingest_log_records_adjusted_total",
        kind="counter",
        labels=("reason",),
        meaning="Log records kept without a trace or span id that had a wrong length.",
        action="Such records are not found from their trace: correct what writes the ids.",
    ),
    MetricDefinition(
        name="ingest_status_records_total",
        kind="counter",
        labels=("outcome",),
        meaning="Status records that a receiver or writer published to `rak_pipeline`, or failed "
        "to (`published`, `failed`).",
        action="None while some succeed: a later record says all that a lost one did. When all "
        "fail, `GET /api/v1/pipeline` soon shows the process as gone: see that the topic exists "
        "(`rak-migrate up`) and the broker is well.",
    ),
    MetricDefinition(
        name="derive_lag_seconds",
        kind="gauge",
        meaning="How long ago the last minute ended that is in the rollups of metrics.",
        action="Up to [derive] settle_seconds, interval_seconds and a minute are normal. When it "
        "grows, the engine is away or too busy: see the log and derive_errors_total. Questions are "
        "answered from raw points meanwhile, so they are slower but right.",
    ),
    MetricDefinition(
        name="derive_cycle_duration_seconds",
        kind="histogram",
        buckets=DERIVE_SECONDS,
        meaning="Seconds that one look for windows to compute took, and computing them, with "
        "retries.",
        action="Long ones are normal while a backlog is computed. When most take longer than "
        "[derive] interval_seconds, raise [derive] threads.",
    ),
    MetricDefinition(
        name="derive_statements_total",
        kind="counter",
        labels=("kind", "step"),
        meaning="INSERTs of computed windows, by kind of points and step (`1m`, `1h`).",
        action="Three or so a minute of each kind are normal; many more mean points that come "
        "late, or that [derive] points_per_statement is small for what comes.",
    ),
    MetricDefinition(
        name="derive_errors_total",
        kind="counter",
        labels=("code",),
        meaning="Cycles that failed, by ClickHouse's error code.",
        action="Those that can pass are tried again. Codes of missing columns or tables end the "
        "service: run `rak-migrate up`.",
    ),
    MetricDefinition(
        name="derive_ledger_lag_seconds",
        kind="gauge",
        meaning="How long ago the engine took the last spans that are in the ledger, the totals of "
        "traces and the summaries.",
        action="Up to [derive] ledger_interval_seconds and the length of a cycle are normal. When "
        "it grows, the engine is away or too busy, or more spans come than one process computes: "
        "see the log, derive_ledger_errors_total and derive_ledger_cycle_duration_seconds.",
    ),
    MetricDefinition(
        name="derive_ledger_cycle_duration_seconds",
        kind="histogram",
        buckets=DERIVE_SECONDS,
        meaning="Seconds that one look for traces with new spans took, and computing them and "
        "their summaries, with retries.",
        action="Long ones are normal while a backlog is computed. When most take longer than "
        "[derive] ledger_interval_seconds, the lag grows with them.",
    ),
    MetricDefinition(
        name="derive_ledger_traces_total",
        kind="counter",
        meaning="Traces computed for the ledger, each as often as it was.",
        action="None is needed; a rise against the spans stored means that spans of a trace come "
        "far apart.",
    ),
    MetricDefinition(
        name="derive_ledger_traces_skipped_total",
        kind="counter",
        meaning="Traces of more than half a million spans, which are not computed.",
        action="The log names each (`derive.trace_too_large`): correct what gives all of its work "
        "one trace id.",
    ),
    MetricDefinition(
        name="derive_ledger_entries_total",
        kind="counter",
        meaning="Rows of the ledger and of totals that were stored, those that say that there is "
        "none any more among them.",
        action="None is needed; many more than entries that are new mean traces that change late.",
    ),
    MetricDefinition(
        name="derive_ledger_slots_total",
        kind="counter",
        meaning="Slots of five minutes whose summaries were computed, each as often as it was.",
        action="A few a cycle are normal; many mean spans that come late.",
    ),
    MetricDefinition(
        name="derive_ledger_errors_total",
        kind="counter",
        labels=("code",),
        meaning="Cycles of the ledger that failed, by ClickHouse's error code.",
        action="All are tried again. Codes of missing columns or tables: run `rak-migrate up`.",
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
    MetricDefinition(
        name="query_streams",
        kind="gauge",
        labels=(),
        meaning="Answers without an end (tails of logs) that a query service is sending.",
        action="A service sends 20 at most and tells others to come again (429): when it is often "
        "at that, run more of them.",
    ),
)
