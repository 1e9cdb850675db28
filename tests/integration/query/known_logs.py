"""Log records that tests know, how they get into the engine, and what a search must say of them.

`matches` and `Stored.order` are the specification of a search in plain Python: they know nothing of
SQL.
"""

import itertools
import json
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from integration.query.attribute_texts import STRINGS, VALUES, shown, text_finds
from integration.query.known_spans import PROMOTED, SECOND, any_value, key_values
from rak_libs.clickhouse.insert import Inserter
from rak_libs.model.batch import new_batch
from rak_libs.model.logs import LOGS
from rak_libs.model.time_text import format_time
from rak_libs.model.time_window import time_window
from rak_libs.otlp.decode_logs import decode_logs
from rak_libs.runtime.settings import ClickHouseSettings

SEVERITIES = {"TRACE": 1, "DEBUG": 5, "INFO": 9, "INFO2": 10, "WARN": 13, "ERROR": 17, "FATAL": 21}


@dataclass(frozen=True)
class KnownRecord:
    """One log record as a test describes it; times in nanoseconds."""

    time: int
    body: Any = "it happened"
    observed: int = 0
    trace_id: str = ""
    span_id: str = ""
    service: str = "alpha"
    severity: int = 9
    severity_text: str = ""
    event: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def timestamp(self) -> int:
        return self.time or self.observed

    @property
    def text(self) -> str:
        """What `q` looks into."""
        if isinstance(self.body, str):
            return self.body
        compact = json.dumps(
            shown(self.body), ensure_ascii=False, separators=(",", ":"), sort_keys=True
        )
        return "" if self.body is None else compact


@dataclass(frozen=True)
class Stored:
    """A record as it was stored."""

    record: KnownRecord
    ingested_ms: int
    position: int

    @property
    def order(self) -> tuple[int, int, int]:
        """What orders records that differ in it."""
        return self.record.timestamp, self.ingested_ms, self.position

    @property
    def answer(self) -> dict[str, Any]:
        """What an answer says of it, but for what tests do not draw."""
        record = self.record
        promoted = {
            f"{column}": record.attributes.get(key, "")
            for column, key in {
                "agent_name": PROMOTED["agent"],
                "session_id": PROMOTED["session"],
                "tool_name": PROMOTED["tool"],
            }.items()
        }
        return {
            "timestamp": format_time(record.timestamp),
            "time_is_observed": record.time == 0,
            "observed_timestamp": format_time(record.observed) if record.observed else None,
            "trace_id": record.trace_id,
            "span_id": record.span_id,
            "service_name": record.service,
            "severity_number": record.severity,
            "severity_text": record.severity_text,
            "event_name": record.event,
            "body": shown(record.body),
            "attributes": {key: shown(value) for key, value in record.attributes.items()},
            **promoted,
        }


def otlp_record(record: KnownRecord) -> LogRecord:
    """Return the record as an agent sends it."""
    sent = LogRecord(
        time_unix_nano=record.time,
        observed_time_unix_nano=record.observed,
        trace_id=bytes.fromhex(record.trace_id),
        span_id=bytes.fromhex(record.span_id),
        severity_text=record.severity_text,
        body=AnyValue() if record.body is None else any_value(record.body),
        event_name=record.event,
        attributes=key_values(record.attributes),
    )
    sent.severity_number = record.severity  # type: ignore[assignment]  # any number may come
    return sent


def store(
    settings: ClickHouseSettings, records: Iterable[KnownRecord], now_ns: int, times: int = 1
) -> list[Stored]:
    """Store records as the writer does, in one message or as many equal ones; returns one's."""
    by_service: dict[str, list[KnownRecord]] = defaultdict(list)
    for record in records:
        by_service[record.service].append(record)
    request = ExportLogsServiceRequest()
    for service, found in by_service.items():
        group = request.resource_logs.add()
        group.resource.attributes.extend(key_values({"service.name": service}))
        group.scope_logs.add(log_records=map(otlp_record, found)).scope.name = "tests"
    batch = new_batch(LOGS)
    window = time_window(30, now_ns)
    for _ in range(times):
        assert not decode_logs(request.SerializeToString(), now_ns // 1_000_000, window, batch)
    inserter = Inserter(settings)
    inserter.insert(LOGS, batch, {})
    inserter.close()
    in_order = itertools.chain.from_iterable(by_service.values())
    return [
        Stored(record, now_ns // 1_000_000, position) for position, record in enumerate(in_order)
    ]


def matches(record: KnownRecord, asked: Mapping[str, str]) -> bool:
    """Whether a record meets every filter; `start` and `end` in nanoseconds."""
    if not int(asked.get("start", 0)) <= record.timestamp < int(asked.get("end", 2**63)):
        return False
    plain = {
        "service": record.service,
        "event": record.event,
        "trace_id": record.trace_id,
        "span_id": record.span_id,
        **{name: record.attributes.get(key, "") for name, key in PROMOTED.items()},
    }
    for name, text in asked.items():
        if name in plain and plain[name] != (text.lower() if name == "trace_id" else text):
            return False
        if name == "severity" and record.severity < _number(text):
            return False
        if name == "q" and text.casefold() not in record.text.casefold():
            return False
        if name.startswith("attr."):
            key = name.removeprefix("attr.")
            if key not in record.attributes or not text_finds(text, record.attributes[key]):
                return False
    return True


def _number(severity: str) -> int:
    return int(severity) if severity.isdecimal() else SEVERITIES[severity.upper()]


def expected_answers(
    stored: Iterable[Stored], asked: Mapping[str, str], order: str = "newest"
) -> list[dict[str, Any]]:
    """Return every record that a search must answer, in order."""
    found = [one for one in stored if matches(one.record, asked)]
    found.sort(key=lambda one: one.order, reverse=order == "newest")
    return [one.answer for one in found]


def said_of(items: Sequence[dict[str, Any]], expected: Sequence[dict[str, Any]]) -> list[Any]:
    """Return what answers say of the fields that `expected` has."""
    names = expected[0].keys() if expected else ()
    return [{name: item[name] for name in names} for item in items]


def make_records(seed: int, count: int, first: int) -> list[KnownRecord]:
    """Return random records of ten minutes from `first`, some of one time."""
    choose = random.Random(seed)
    times = [first + choose.randrange(600 * SECOND) for _ in range(count * 3 // 4)]
    traces = [choose.randbytes(16).hex() for _ in range(6)]
    return [_record(choose, choose.choice(times), traces) for _ in range(count)]


def _record(choose: random.Random, time: int, traces: list[str]) -> KnownRecord:
    is_observed = choose.random() < 0.2
    in_trace = choose.random() < 0.6
    severity = choose.choice([0, 1, 5, 9, 10, 13, 17, 21, 24, 99, -3])
    return KnownRecord(
        time=0 if is_observed else time,
        observed=time if is_observed else choose.choice([0, time + 5]),
        body=choose.choice([*STRINGS, *VALUES["nested"], *VALUES["raw"], 5, True, None]),
        trace_id=choose.choice(traces) if in_trace else "",
        span_id=choose.choice(["0102030405060708", "a1a2a3a4a5a6a7a8"]) if in_trace else "",
        service=choose.choice(["alpha", "Alpha", "gamma/δ"]),
        severity=severity,
        severity_text=choose.choice(["", "INFO", "Warnung"]),
        event=choose.choice(["", "", "user.login", "gen_ai.choice"]),
        attributes=_attributes(choose),
    )


def _attributes(choose: random.Random) -> dict[str, Any]:
    pool: dict[str, list[Any]] = {
        "agent_name": ["planner", "Coder", "o'brien"],
        "session.id": ["s-1", "s-2", "s-3"],
        "invocation_id": ["i-1", "i-2"],
        "user.id": ["ann", "bob"],
        "gen_ai.request.model": ["meta-llama/Llama-3", "gpt-x"],
        "gen_ai.tool.name": ["search", "sh"],
        **VALUES,
    }
    return {key: choose.choice(values) for key, values in pool.items() if choose.random() < 0.3}
