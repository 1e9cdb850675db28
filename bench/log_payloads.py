"""Log records in the shape of RAK agents', made from a seed: the same on every machine and run."""

from random import Random
from typing import Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber

RECORDS_PER_TRACE: Final = 8
_LEVELS: Final = (
    (SeverityNumber.SEVERITY_NUMBER_DEBUG, "DEBUG"),
    (SeverityNumber.SEVERITY_NUMBER_INFO, "INFO"),
    (SeverityNumber.SEVERITY_NUMBER_INFO, "INFO"),
    (SeverityNumber.SEVERITY_NUMBER_WARN, "WARNING"),
    (SeverityNumber.SEVERITY_NUMBER_ERROR, "ERROR"),
)
_MESSAGES: Final = (
    "invoking tool {tool} for session {session} (attempt {number})",
    "model answered with {number} tokens in {millis} ms",
    "POST https://api.example.com/v1/messages 200 OK in {millis} ms",
    "connection to {host} refused, trying again in {millis} ms",
    "cache miss for key prompt:{token}",
)
_AGENTS: Final = ("research_agent", "planner_agent", "coding_agent", "support_agent")
_TOOLS: Final = ("search_documents", "read_file", "run_tests")


def agent_logs(records: int, seed: int, start_ns: int) -> ExportLogsServiceRequest:
    """Return one request of `records` log records, about 400 bytes each on the wire.

    Each record has a text of some 60 letters, new each time, and 6 attributes (5 strings, one of
    them a source file's line as an int); the resource has 3 attributes; traces have
    `RECORDS_PER_TRACE` records, which share their invocation and session. Records are one
    millisecond apart from `start_ns` (nanoseconds since 1970). Equal arguments give equal requests.
    """
    random = Random(seed)
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    resource_logs.resource.attributes.extend(
        [
            _text("service.name", "rak-agents"),
            _text("service.instance.id", f"rak-agents-{random.randrange(100):02d}"),
            _text("telemetry.sdk.language", "python"),
        ]
    )
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.name = "rak.agent"
    trace_id = b""
    identity: list[KeyValue] = []
    for index in range(records):
        if index % RECORDS_PER_TRACE == 0:
            trace_id = random.randbytes(16)
            identity = [
                _text("gcp.vertex.agent.invocation_id", f"e-{random.randbytes(8).hex()}"),
                _text("gcp.vertex.agent.session_id", f"session-{random.randrange(10_000):05d}"),
            ]
        record = scope_logs.log_records.add(trace_id=trace_id, flags=1)
        _fill_record(record, random, start_ns + index * 1_000_000)
        record.attributes.extend(identity)
    return request


def _fill_record(record: LogRecord, random: Random, time_ns: int) -> None:
    record.span_id = random.randbytes(8)
    record.time_unix_nano = time_ns
    record.observed_time_unix_nano = time_ns + random.randrange(50_000)
    record.severity_number, record.severity_text = random.choice(_LEVELS)
    tool = random.choice(_TOOLS)
    record.body.string_value = random.choice(_MESSAGES).format(
        tool=tool,
        session=f"session-{random.randrange(10_000):05d}",
        number=random.randrange(4_000),
        millis=random.randrange(30_000),
        host=f"10.0.{random.randrange(256)}.{random.randrange(256)}",
        token=random.randbytes(8).hex(),
    )
    line = random.randrange(400)
    record.attributes.extend(
        [
            _text("code.file.path", f"/app/agents/module_{line % 20}.py"),
            _text("code.function.name", f"step_{line % 50}"),
            KeyValue(key="code.line.number", value=AnyValue(int_value=line)),
            _text("gen_ai.agent.name", random.choice(_AGENTS)),
        ]
    )


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))
