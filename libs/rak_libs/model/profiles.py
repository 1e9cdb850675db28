"""The tables of profiles: every stored column, written once.

A profile is one row of `cpu_profiles`, whatever its kind; its samples name their stacks by a hash
of the frames, and what the frames of a stack are is stored once for a service and day in
`profile_stacks`. A heap profile makes a row of `memory_profiles` too. The decoder fills these
columns, the writer inserts them, the query service reads them, and a test compares them with the
live tables.
"""

from enum import IntEnum
from typing import Final

from rak_libs.model.table import Table, columns, enum8


class ProfileType(IntEnum):
    """What was profiled, under the names that the tables store."""

    CPU = 1
    HEAP = 2
    GOROUTINE = 3
    BLOCK = 4
    MUTEX = 5
    ALLOCS = 6


_TEXT: Final = "String"
_WORD: Final = "LowCardinality(String)"
_WORDS: Final = "Array(LowCardinality(String))"
_TIME: Final = "DateTime64(9, 'UTC')"
_INGESTED_AT: Final = ("ingested_at", "DateTime64(3, 'UTC')")

_IDENTITY: Final = (
    # `rak_libs.pprof.profile_id`: a hash of the profile and its context, 32 characters of hex.
    ("profile_id", _TEXT),
    # When the profile began or, of one that does not say, when the broker took it, and then
    # `time_is_received`.
    ("timestamp", _TIME),
)
_CONTEXT: Final = (
    ("service_name", _WORD),
    ("invocation_id", _TEXT),
    ("session_id", _TEXT),
    # Lower-case hex; an absent id is the type's default (`= ''` holds).
    ("trace_id", "FixedString(32)"),
    ("span_id", "FixedString(16)"),
    ("agent_name", _WORD),
    # What else the sender said of the profile.
    ("labels", "Map(LowCardinality(String), String)"),
)

CPU_PROFILES: Final = Table(
    name="cpu_profiles",
    columns=columns(
        [
            *_IDENTITY,
            ("time_is_received", "Bool"),
            # Whole seconds, as the column says, and exactly.
            ("duration_seconds", "UInt32"),
            ("duration_ns", "UInt64"),
            *_CONTEXT,
            ("profile_type", enum8(ProfileType)),
            # `type/unit` of the values to show by default: `cpu/nanoseconds`.
            ("sample_type", _WORD),
            # Of all the values of a sample, in order, and the sum of each over all samples.
            ("sample_types", _WORDS),
            ("totals", "Array(Int64)"),
            ("period_type", _WORD),
            ("period", "Int64"),
            # One element a sample. The stack is a row of `profile_stacks` of the day of
            # `timestamp`.
            ("samples.stack", "Array(UInt64)"),
            ("samples.values", "Array(Array(Int64))"),
            # Labels as a JSON object, '' for none: each key has a list of texts and of
            # `{"number": 1, "unit": "bytes"}`.
            ("samples.label_texts", _WORDS),
            # Of the labels that tell a span, '' without: lower-case hex, hex, and a name.
            ("samples.trace_id", _WORDS),
            ("samples.span_id", _WORDS),
            ("samples.span_name", _WORDS),
            # The functions that the profile knows.
            ("functions.id", "Array(UInt64)"),
            ("functions.name", _WORDS),
            ("functions.filename", _WORDS),
            ("functions.start_line", "Array(Int64)"),
            # The profile as it was published: as received, gunzipped.
            ("raw_pprof", _TEXT),
            _INGESTED_AT,
        ]
    ),
    by_batch=True,
    packed=True,
)

MEMORY_PROFILES: Final = Table(
    name="memory_profiles",
    columns=columns(
        [
            *_IDENTITY,
            *_CONTEXT,
            # Sums over the samples: bytes and numbers of all allocations, and of those in use.
            ("total_allocated", "UInt64"),
            ("allocation_count", "UInt64"),
            ("current_usage", "UInt64"),
            ("current_count", "UInt64"),
            # Of the process, in bytes, where the context says; 0 without.
            ("peak_usage", "UInt64"),
            ("rss_bytes", "UInt64"),
            ("virtual_bytes", "UInt64"),
            # The sites that allocated most bytes, most first: function, file and line of the leaf.
            ("allocations.location", _WORDS),
            ("allocations.filename", _WORDS),
            ("allocations.line", "Array(Int64)"),
            ("allocations.size", "Array(UInt64)"),
            ("allocations.count", "Array(UInt64)"),
            ("allocations.current_size", "Array(UInt64)"),
            ("allocations.current_count", "Array(UInt64)"),
            _INGESTED_AT,
        ]
    ),
    by_batch=True,
)

PROFILE_STACKS: Final = Table(
    name="profile_stacks",
    columns=columns(
        [
            # The day, UTC, of profiles that have the stack, and their service.
            ("day", "Date"),
            ("service_name", _WORD),
            # A hash of the frames.
            ("stack", "UInt64"),
            # One element a frame, inlined ones included, the leaf first. A frame's number is a hash
            # of what follows but `inlined`.
            ("frames", "Array(UInt64)"),
            ("functions", _WORDS),
            ("system_names", _WORDS),
            ("files", _WORDS),
            ("start_lines", "Array(Int64)"),
            ("lines", "Array(Int64)"),
            ("columns", "Array(Int64)"),
            # Whether the function was inlined into that of the next frame.
            ("inlined", "Array(Bool)"),
            # The program or library, and the place in it of a frame without a function; else 0.
            ("mappings", _WORDS),
            ("addresses", "Array(UInt64)"),
            ("seen_at", "DateTime('UTC')"),
        ]
    ),
    packed=True,
)

PROFILE_TABLES: Final = (CPU_PROFILES, MEMORY_PROFILES, PROFILE_STACKS)
