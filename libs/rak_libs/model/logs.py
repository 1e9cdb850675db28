"""The logs table: every stored column, written once.

The decoder fills these columns, the writer inserts them, the query service reads them, and a
test compares them with the live table.
"""

from typing import Final

from rak_libs.model.table import Table, columns

_TEXT: Final = "String"
_WORD: Final = "LowCardinality(String)"
_TIME: Final = "DateTime64(9, 'UTC')"

LOGS: Final = Table(
    name="logs",
    columns=columns(
        [
            # Time: nanoseconds since 1970. `timestamp` is the record's time or, of a record without
            # one, the time at which it was observed, and then `time_is_observed`.
            ("timestamp", _TIME),
            ("time_is_observed", "Bool"),
            # The 64 bits of the wire's fixed64, so one beyond 2^63-1 reads as negative.
            ("observed_timestamp", _TIME),
            # Lower-case hex; an absent id is the type's default (`= ''` holds).
            ("trace_id", "FixedString(32)"),
            ("span_id", "FixedString(16)"),
            ("flags", "UInt32"),
            ("service_name", _WORD),
            # As received, numbers that OTLP has no name for included.
            ("severity_number", "Int32"),
            ("severity_text", _WORD),
            ("event_name", _WORD),
            # A text as it is, any other value as its typed JSON text; '' for none.
            ("body", _TEXT),
            # '' for a text; 'null' for none; else the same as `body` (`rak_libs.otlp.typed_json`).
            ("body_json", _TEXT),
            # Promoted copies of attributes: `rak_libs.model.promotion` says from which.
            ("invocation_id", _TEXT),
            ("session_id", _TEXT),
            ("user_id", _TEXT),
            ("agent_name", _WORD),
            ("llm_model", _WORD),
            ("tool_name", _WORD),
            # Attributes, each under the key and type it came with.
            ("attributes_string", "Map(LowCardinality(String), String)"),
            ("attributes_int", "Map(LowCardinality(String), Int64)"),
            ("attributes_float", "Map(LowCardinality(String), Float64)"),
            ("attributes_bool", "Map(LowCardinality(String), Bool)"),
            # Arrays, maps, bytes and empty values as typed JSON text.
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
            # Which record of its message this was, from 0: what orders records of one time.
            ("position", "UInt32"),
            # When the broker took the message: its record's timestamp.
            ("ingested_at", "DateTime64(3, 'UTC')"),
        ]
    ),
    by_batch=True,
)
