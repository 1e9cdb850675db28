"""The spans table: every stored column, written once.

The decoder fills these columns, the writer inserts them, the query service reads them, and a
test compares them with the live table.
"""

from enum import IntEnum
from typing import Final

from rak_libs.model.table import Table, columns, enum8


class SpanKind(IntEnum):
    """OTLP `Span.SpanKind`, under the names that the table stores."""

    UNSPECIFIED = 0
    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class StatusCode(IntEnum):
    """OTLP `Status.StatusCode`, under the names that the table stores."""

    UNSET = 0
    OK = 1
    ERROR = 2


_TEXT: Final = "String"
_WORD: Final = "LowCardinality(String)"
_TIME: Final = "DateTime64(9, 'UTC')"

SPANS: Final = Table(
    name="spans",
    columns=columns(
        [
            # Identity: lower-case hex; an absent id is the type's default (`= ''` holds).
            ("trace_id", "FixedString(32)"),
            ("span_id", "FixedString(16)"),
            ("parent_span_id", "FixedString(16)"),
            ("trace_state", _WORD),
            ("flags", "UInt32"),
            # Time: nanoseconds since 1970; an end before its start is stored as duration 0.
            ("timestamp", _TIME),
            ("duration_ns", "UInt64"),
            ("service_name", _WORD),
            ("span_name", _WORD),
            ("span_kind", enum8(SpanKind)),
            ("status_code", enum8(StatusCode)),
            ("status_message", _TEXT),
            # Promoted copies of attributes: `rak_libs.model.promotion` says from which.
            ("operation", _WORD),
            ("invocation_id", _TEXT),
            ("session_id", _TEXT),
            ("user_id", _TEXT),
            ("agent_name", _WORD),
            ("agent_type", _WORD),
            ("llm_model", _WORD),
            ("llm_system", _WORD),
            ("tool_name", _WORD),
            ("tool_call_id", _TEXT),
            ("input_tokens", "UInt64"),
            ("output_tokens", "UInt64"),
            ("cache_read_tokens", "UInt64"),
            ("cache_write_tokens", "UInt64"),
            ("reasoning_tokens", "UInt64"),
            ("token_count", "UInt64"),
            ("resource_cpu_micros", "UInt64"),
            ("resource_memory_bytes", "UInt64"),
            ("resource_memory_peak", "UInt64"),
            ("conversation_id", _TEXT),
            ("llm_request_model", _WORD),
            ("llm_response_model", _WORD),
            ("llm_response_id", _TEXT),
            # Several reasons are separated by commas.
            ("finish_reason", _WORD),
            ("time_to_first_token_ns", "UInt64"),
            # `PROMOTION_VERSION` of the rules that filled these; 0 for rows before this column.
            ("promotion_version", "UInt16"),
            # Attributes, each under the key and type it came with.
            ("attributes_string", "Map(LowCardinality(String), String)"),
            ("attributes_int", "Map(LowCardinality(String), Int64)"),
            ("attributes_float", "Map(LowCardinality(String), Float64)"),
            ("attributes_bool", "Map(LowCardinality(String), Bool)"),
            # Arrays, maps, bytes and empty values as typed JSON text (`rak_libs.otlp.typed_json`).
            ("attributes_json", "Map(LowCardinality(String), String)"),
            ("dropped_attributes_count", "UInt32"),
            # Resource and scope; attributes as typed JSON text, '' when there are none.
            ("resource_attributes", _WORD),
            ("resource_dropped_attributes_count", "UInt32"),
            ("resource_entity_refs", _WORD),
            ("resource_schema_url", _WORD),
            ("scope_name", _WORD),
            ("scope_version", _WORD),
            ("scope_attributes", _WORD),
            ("scope_dropped_attributes_count", "UInt32"),
            ("scope_schema_url", _WORD),
            # Events and links; attributes as typed JSON text, '' when there are none. Event times
            # are the 64 bits of the wire's fixed64, so one beyond 2^63-1 reads as negative.
            ("events.timestamp", f"Array({_TIME})"),
            ("events.name", f"Array({_WORD})"),
            ("events.attributes", f"Array({_TEXT})"),
            ("events.dropped_attributes_count", "Array(UInt32)"),
            ("dropped_events_count", "UInt32"),
            ("links.trace_id", "Array(FixedString(32))"),
            ("links.span_id", "Array(FixedString(16))"),
            ("links.trace_state", f"Array({_TEXT})"),
            ("links.attributes", f"Array({_TEXT})"),
            ("links.dropped_attributes_count", "Array(UInt32)"),
            ("links.flags", "Array(UInt32)"),
            ("dropped_links_count", "UInt32"),
            # When the broker took the message: its record's timestamp.
            ("ingested_at", "DateTime64(3, 'UTC')"),
        ]
    ),
    by_batch=True,
)
