"""From stored rows to the log records of an answer."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rak_libs.model.time_text import format_time
from rak_libs.otlp.rebuild_logs import rebuild_logs
from rak_libs.otlp.typed_json import text_to_plain
from rak_services.query.endpoint import EncodedAnswer
from rak_services.query.logs.answers import LogRecord
from rak_services.query.otlp_answers import otlp_answer
from rak_services.query.stored_facts import attributes_of, resource_of, scope_of

_MILLISECOND_NS: Final = 1_000_000
_MADE: Final = frozenset(
    {
        "timestamp",
        "observed_timestamp",
        "body",
        "attributes",
        "resource",
        "scope",
        "ingested_at",
    }
)
_COPIED: Final = tuple(name for name in LogRecord.__struct_fields__ if name not in _MADE)


def records_of(rows: Iterable[Mapping[str, Any]]) -> list[LogRecord]:
    """Return the records of stored rows; times in them are integers of nanoseconds."""
    return [_record(row) for row in rows]


async def otlp_records(
    rows: Sequence[Mapping[str, Any]], cursor: str | None, url: str
) -> EncodedAnswer:
    """Return the records of stored rows as OTLP JSON, made in a thread; see `otlp_answer`."""
    return await asyncio.to_thread(lambda: otlp_answer(rebuild_logs(rows), cursor, url))


def _record(row: Mapping[str, Any]) -> LogRecord:
    observed = row["observed_timestamp"]
    return LogRecord(
        timestamp=format_time(row["timestamp"]),
        observed_timestamp=format_time(observed) if observed else None,
        body=text_to_plain(row["body_json"]) if row["body_json"] else row["body"],
        attributes=attributes_of(row),
        resource=resource_of(row),
        scope=scope_of(row),
        ingested_at=format_time(row["ingested_at"] * _MILLISECOND_NS),
        **{name: row[name] for name in _COPIED},
    )
