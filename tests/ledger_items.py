"""What a ledger's producers send of each signal, and how it is found again in the tables.

Every item says its producer, its sequence number there and a checksum over both; the checksum is
computed here and, over what is stored, by the engine.
"""

import hashlib
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ScopeMetrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from rak_libs.kafka.topics import OTLP_LOGS, OTLP_METRICS, OTLP_SPANS, PPROF_PROFILES
from rak_libs.pprof.profile_pb2 import Function, Label, Line, Location, Profile, Sample, ValueType

Encode = Callable[[str, str, Mapping[int, int]], bytes]
"""Makes a request of a service name, a producer, and items: their sequence numbers and times."""


@dataclass(frozen=True, slots=True)
class Items:
    """One signal.

    Attributes:
        signal: Its name in `--signal`.
        topic: Its topic.
        path: Where it is sent, `{name}` being the service name.
        encode: Makes a request.
        stored: The SELECT of what is stored, `{name}` being the service name. Columns: producer,
            sequence, partition, and whether it is `wrong` otherwise.
        disagreeing: SELECTs of how many rows of other tables are not as the items say.
        per_request: Items of one request.
        per_second: Sent by all producers of a ledger together, at most.
    """

    signal: str
    topic: str
    path: str
    encode: Encode
    stored: str
    disagreeing: tuple[str, ...] = ()
    per_request: int = 30
    per_second: int = 1_200


def checksum(producer: str, sequence: int) -> int:
    """CRC-32 over what an item says."""
    return zlib.crc32(f"{producer}:{sequence}".encode())


def _name(resource: Resource, service: str) -> None:
    resource.attributes.add(key="service.name").value.string_value = service


def _trace_id(*parts: object) -> bytes:
    text = "/".join(map(str, parts))
    return hashlib.md5(text.encode(), usedforsecurity=False).digest()


def _spans(service: str, producer: str, times: Mapping[int, int]) -> bytes:
    message = ExportTraceServiceRequest()
    group = message.resource_spans.add()
    _name(group.resource, service)
    spans = group.scope_spans.add().spans
    trace_id = _trace_id(service, producer, min(times))
    for sequence, start in times.items():
        span = spans.add(
            trace_id=trace_id,
            span_id=(sequence + 1).to_bytes(8, "big"),
            name="ledger",
            start_time_unix_nano=start,
            end_time_unix_nano=start + 1_000,
        )
        span.attributes.add(key="producer").value.string_value = producer
        span.attributes.add(key="sequence").value.int_value = sequence
        span.attributes.add(key="checksum").value.int_value = checksum(producer, sequence)
    return message.SerializeToString()


def _logs(service: str, producer: str, times: Mapping[int, int]) -> bytes:
    message = ExportLogsServiceRequest()
    group = message.resource_logs.add()
    _name(group.resource, service)
    records = group.scope_logs.add().log_records
    for sequence, time_ns in times.items():
        record = records.add(time_unix_nano=time_ns, severity_number=9)
        record.body.string_value = f"item {sequence} of {producer}"
        record.attributes.add(key="producer").value.string_value = producer
        record.attributes.add(key="sequence").value.int_value = sequence
        record.attributes.add(key="checksum").value.int_value = checksum(producer, sequence)
    return message.SerializeToString()


def _points(service: str, producer: str, times: Mapping[int, int]) -> bytes:
    """Points of every kind in turn, a series a kind and producer.

    A number is its point's sequence and has the checksum in its only exemplar; of other kinds the
    sum is the sequence and the count the checksum.
    """
    message = ExportMetricsServiceRequest()
    group = message.resource_metrics.add()
    _name(group.resource, service)
    metrics = _metrics(group.scope_metrics.add())
    for sequence, time_ns in times.items():
        kind = sequence % len(metrics)
        data = metrics[kind]
        points = getattr(data, data.WhichOneof("data")).data_points
        point = points.add(time_unix_nano=time_ns, start_time_unix_nano=1)
        point.attributes.add(key="producer").value.string_value = producer
        if kind == 0:
            point.as_int = sequence
            point.exemplars.add(time_unix_nano=time_ns).as_int = checksum(producer, sequence)
        else:
            point.sum = sequence
            point.count = checksum(producer, sequence)
    return message.SerializeToString()


def _metrics(scope: ScopeMetrics) -> list[Metric]:
    number, histogram, exponential, summary = (
        scope.metrics.add(name=f"ledger.{kind}")
        for kind in ("number", "histogram", "exponential", "summary")
    )
    number.gauge.SetInParent()
    histogram.histogram.aggregation_temporality = 1
    exponential.exponential_histogram.aggregation_temporality = 1
    summary.summary.SetInParent()
    return [number, histogram, exponential, summary]


def _profile(_service: str, producer: str, times: Mapping[int, int]) -> bytes:
    """One profile of one sample, whose stack no other has."""
    ((sequence, time_ns),) = times.items()
    said = {
        "producer": producer,
        "sequence": str(sequence),
        "checksum": str(checksum(producer, sequence)),
    }
    texts = ["", "cpu", "nanoseconds", f"item {sequence} of {producer}", *said, *said.values()]
    labels = [Label(key=texts.index(key), str=4 + len(said) + place)
              for place, key in enumerate(said)]  # fmt: skip
    profile = Profile(
        sample_type=[ValueType(type=1, unit=2)],
        sample=[Sample(location_id=[1], value=[1], label=labels)],
        location=[Location(id=1, line=[Line(function_id=1)])],
        function=[Function(id=1, name=3)],
        string_table=texts,
        time_nanos=time_ns,
    )
    return profile.SerializeToString()


_TRACE_TIMES_WRONG: Final = """
    SELECT count()
    FROM (
        SELECT
            trace_id,
            toDate(timestamp) AS day,
            min(timestamp) AS start,
            max(end_timestamp) AS end
        FROM spans
        WHERE service_name = '{name}'
        GROUP BY trace_id, day
    ) AS stored
    LEFT JOIN (
        SELECT trace_id, day, min(start) AS start, max(end) AS end
        FROM trace_times GROUP BY trace_id, day
    ) AS known USING (trace_id, day)
    WHERE stored.start != known.start OR stored.end != known.end
"""
_TRACE_TIMES_OF_NOTHING: Final = """
    SELECT uniqExact(trace_id) FROM trace_times WHERE trace_id NOT IN (SELECT trace_id FROM spans)
"""

SPANS: Final = Items(
    signal="spans",
    topic=OTLP_SPANS,
    path="/v1/traces",
    encode=_spans,
    stored="""
        SELECT
            attributes_string['producer'] AS producer,
            attributes_int['sequence'] AS sequence,
            _partition_id AS partition,
            attributes_int['checksum'] != CRC32(concat(producer, ':', toString(sequence))) AS wrong
        FROM spans
        WHERE service_name = '{name}'
    """,
    disagreeing=(_TRACE_TIMES_WRONG, _TRACE_TIMES_OF_NOTHING),
)

LOGS: Final = Items(
    signal="logs",
    topic=OTLP_LOGS,
    path="/v1/logs",
    encode=_logs,
    stored="""
        SELECT
            attributes_string['producer'] AS producer,
            attributes_int['sequence'] AS sequence,
            _partition_id AS partition,
            attributes_int['checksum'] != CRC32(concat(producer, ':', toString(sequence)))
                OR body != concat('item ', toString(sequence), ' of ', producer) AS wrong
        FROM logs
        WHERE service_name = '{name}'
    """,
)

_OF_LEDGER: Final = """
        INNER JOIN (
            SELECT DISTINCT fingerprint, labels['producer'] AS producer
            FROM metric_series
            WHERE service_name = '{name}'
        ) AS series USING (fingerprint)"""

METRICS: Final = Items(
    signal="metrics",
    topic=OTLP_METRICS,
    path="/v1/metrics",
    encode=_points,
    stored=f"""
        SELECT
            producer,
            toInt64(value) AS sequence,
            _partition_id AS partition,
            value_type != 'INT' AS wrong
        FROM metric_samples{_OF_LEDGER}
        UNION ALL
        SELECT
            producer,
            sequence,
            partition,
            count != CRC32(concat(producer, ':', toString(sequence))) AS wrong
        FROM (
            SELECT
                fingerprint,
                assumeNotNull(toInt64(sum)) AS sequence,
                _partition_id AS partition,
                count
            FROM metric_histograms
            UNION ALL
            SELECT fingerprint, assumeNotNull(toInt64(sum)), _partition_id, count
            FROM metric_exponential_histograms
            UNION ALL
            SELECT fingerprint, toInt64(sum), _partition_id, count
            FROM metric_summaries
        ) AS points{_OF_LEDGER}
    """,
    disagreeing=(
        f"""
        SELECT countIf(points != exemplars
            OR said != CRC32(concat(producer, ':', toString(sequence))))
        FROM (
            SELECT
                fingerprint,
                timestamp,
                count() AS points,
                any(toInt64(value)) AS sequence
            FROM metric_samples GROUP BY fingerprint, timestamp
        ) AS samples
        FULL JOIN (
            SELECT fingerprint, timestamp, count() AS exemplars, any(toInt64(value)) AS said
            FROM metric_exemplars GROUP BY fingerprint, timestamp
        ) AS exemplars USING (fingerprint, timestamp){_OF_LEDGER}
        """,
    ),
)

PROFILES: Final = Items(
    signal="profiles",
    topic=PPROF_PROFILES,
    path="/pprof/profile?service_name={name}",
    encode=_profile,
    stored="""
        SELECT
            samples.labels[1]['producer'] AS producer,
            toInt64OrZero(samples.labels[1]['sequence']) AS sequence,
            _partition_id AS partition,
            toUInt32OrZero(samples.labels[1]['checksum'])
                    != CRC32(concat(producer, ':', toString(sequence)))
                OR functions.name[1] != concat('item ', toString(sequence), ' of ', producer)
                OR position(raw_pprof, functions.name[1]) = 0 AS wrong
        FROM cpu_profiles
        WHERE service_name = '{name}'
    """,
    disagreeing=(
        """
        SELECT countIf(stacks.functions != profiles.names)
        FROM (
            SELECT toDate(timestamp) AS day, samples.stack[1] AS stack, functions.name AS names
            FROM cpu_profiles WHERE service_name = '{name}'
        ) AS profiles
        ANY LEFT JOIN (
            SELECT day, stack, functions FROM profile_stacks WHERE service_name = '{name}'
        ) AS stacks USING (day, stack)
        """,
    ),
    per_request=1,
    per_second=40,
)
