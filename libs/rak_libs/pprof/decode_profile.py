"""From the bytes of one queue message to rows of the tables of profiles.

A pure function of the message, its headers, the broker's timestamp of it and the time window.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import numpy as np

from rak_libs.model.batch import (
    ArrayValues,
    ColumnBatch,
    MapValues,
    NestedArrayValues,
    WordValues,
)
from rak_libs.model.message import Message
from rak_libs.model.profiles import CPU_PROFILES, MEMORY_PROFILES, PROFILE_STACKS
from rak_libs.model.rejected_items import RejectedItems
from rak_libs.model.time_window import DAY_NS, TimeWindow
from rak_libs.pprof.check import profile_time, read_profile
from rak_libs.pprof.context import ProfileContext
from rak_libs.pprof.dropped_frames import without_dropped_frames
from rak_libs.pprof.errors import InvalidProfile, ProfileTooLarge
from rak_libs.pprof.frames import Frames, Stacks, frames_of, stacks_of
from rak_libs.pprof.memory_rows import memory_row
from rak_libs.pprof.packed_columns import append_numbers, append_words
from rak_libs.pprof.profile_columns import ProfileColumns
from rak_libs.pprof.profile_id import profile_id
from rak_libs.pprof.profile_type import guess_type
from rak_libs.pprof.sample_labels import SampleLabels, sample_labels

TOO_LARGE: Final = "too_large"
"""The reason of a profile with more samples or frames than are taken."""

_NS_PER_MS: Final = 1_000_000
_NS_PER_SECOND: Final = 1_000_000_000
_MS_PER_SECOND: Final = 1_000

NewStack = Callable[[int, int], bool]
"""Asked, of a stack of a service (a hash of both) and a day since 1970, whether to write it."""


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A profile and all that is told from it."""

    profile: ProfileColumns
    context: ProfileContext
    identity: dict[str, Any]
    frames: Frames
    stacks: Stacks
    labels: SampleLabels


def decode_profiles(
    message: Message, window: TimeWindow, tables: Mapping[str, ColumnBatch], new_stack: NewStack
) -> list[RejectedItems]:
    """Append the rows of one profile.

    Args:
        message: A serialized `Profile`, not compressed, and headers of `ProfileContext`.
        window: The times that the tables take.
        tables: Rows of `PROFILE_TABLES` by table; left as they were when nothing is appended.
        new_stack: Asked for each stack whether its row is to be appended.

    Returns:
        The profile itself, when it fails a check of `rak_libs.pprof.check`; usually nothing.

    Raises:
        UndecodableProfile: The bytes are no profile.
    """
    received_ns = message.timestamp_ms * _NS_PER_MS
    try:
        profile = read_profile(message.value, window, received_ns)
    except InvalidProfile as error:
        return [RejectedItems(error.reason, 1, message.value)]
    except ProfileTooLarge:
        return [RejectedItems(TOO_LARGE, 1, message.value)]
    decoded = _decode(profile, message, received_ns)
    memory = memory_row(
        decoded.profile, dict(decoded.context.labels), decoded.frames, decoded.stacks
    )
    profiles = tables[CPU_PROFILES.name]
    _append(profiles, decoded.identity | _profile_row(decoded, message.value))
    _append_functions(profiles.columns, decoded.profile)
    _append_samples(profiles.columns, decoded)
    if memory is not None:
        _append(tables[MEMORY_PROFILES.name], decoded.identity | memory)
    _append_stacks(tables[PROFILE_STACKS.name], decoded, message.timestamp_ms, new_stack)
    return []


def _decode(profile: ProfileColumns, message: Message, received_ns: int) -> _Decoded:
    context = ProfileContext.from_headers(message.headers)
    labels = sample_labels(profile)
    profile = without_dropped_frames(profile)
    frames = frames_of(profile)
    identity = {
        "profile_id": profile_id(message.value, context),
        "timestamp": profile_time(profile, received_ns),
        "service_name": context.service_name,
        "invocation_id": context.invocation_id,
        "session_id": context.session_id,
        "trace_id": context.trace_id,
        "span_id": context.span_id,
        "agent_name": context.agent_name,
        "labels": dict(context.labels),
        "ingested_at": message.timestamp_ms,
    }
    return _Decoded(profile, context, identity, frames, stacks_of(profile, frames), labels)


def _profile_row(decoded: _Decoded, content: bytes) -> dict[str, Any]:
    """Return the columns of `cpu_profiles` beside those of identity, functions and samples."""
    profile = decoded.profile
    head, texts = profile.head, profile.texts
    types = [_type_name(texts, each) for each in head.sample_type]
    kind = decoded.context.profile_type or guess_type(profile)
    return {
        "time_is_received": not head.time_nanos,
        "duration_seconds": head.duration_nanos // _NS_PER_SECOND,
        "duration_ns": head.duration_nanos,
        "profile_type": kind.value,
        "sample_type": types[_default_type(profile)],
        "sample_types": types,
        # Beyond 64 bits as in pprof: the sum is what is left of it.
        "totals": profile.samples.values.reshape(-1, len(types)).sum(axis=0),
        "period_type": _type_name(texts, head.period_type),
        "period": head.period,
        "raw_pprof": content,
    }


def _append_functions(columns: dict[str, Any], profile: ProfileColumns) -> None:
    functions, texts = profile.functions, profile.texts
    append_numbers(columns["functions.id"], functions.ids)
    append_words(columns["functions.name"], texts, functions.names)
    append_words(columns["functions.filename"], texts, functions.filenames)
    append_numbers(columns["functions.start_line"], functions.start_lines)


def _append_samples(columns: dict[str, Any], decoded: _Decoded) -> None:
    samples, labels = decoded.profile.samples, decoded.labels
    append_numbers(columns["samples.stack"], decoded.stacks.numbers)
    values: NestedArrayValues = columns["samples.values"]
    append_numbers(values.values, samples.values, samples.value_counts)
    values.offsets.append(len(values.values.offsets))
    append_words(columns["samples.label_texts"], labels.texts, labels.sets)
    append_words(columns["samples.trace_id"], labels.trace_ids, labels.sets)
    append_words(columns["samples.span_id"], labels.span_ids, labels.sets)
    append_words(columns["samples.span_name"], labels.span_names, labels.sets)


def _type_name(texts: Sequence[str], value_type: Any) -> str:
    """Return `type/unit`, or the type alone when there is no unit."""
    name, unit = texts[value_type.type], texts[value_type.unit]
    return f"{name}/{unit}" if unit else name


def _default_type(profile: ProfileColumns) -> int:
    """Return which sample type is shown when nobody asks for one: the named one, or the last."""
    wanted = profile.texts[profile.head.default_sample_type]
    names = [profile.texts[each.type] for each in profile.head.sample_type]
    return names.index(wanted) if wanted and wanted in names else len(names) - 1


def _append(batch: ColumnBatch, row: Mapping[str, Any]) -> None:
    """Append what there is of a row: of an Array column a sequence, of a Map a dict."""
    for name, value in row.items():
        column = batch.columns[name]
        if isinstance(column, MapValues):
            column.keys += value
            column.values += value.values()
            column.offsets.append(len(column.keys))
        elif not isinstance(column, ArrayValues):
            column.append(value)  # type: ignore[union-attr] # samples' values come by themselves
        elif isinstance(column.values, WordValues):
            append_words(column, value, np.arange(len(value)))
        elif isinstance(column.values, list):
            column.values += value
            column.offsets.append(len(column.values))
        else:
            append_numbers(column, value)
    batch.rows += 1


def _append_stacks(
    batch: ColumnBatch, decoded: _Decoded, timestamp_ms: int, new_stack: NewStack
) -> None:
    """Append the stacks whose rows are to be written."""
    service = decoded.context.service_name
    day = decoded.identity["timestamp"] // DAY_NS
    numbers = decoded.stacks.numbers
    distinct, first = np.unique(numbers, return_index=True)
    keys = (distinct ^ _service_hash(service)).tolist()
    rows = np.array(
        [row for row, key in zip(first.tolist(), keys, strict=True) if new_stack(key, day)],
        np.int64,
    )
    if not len(rows):
        return
    columns: dict[str, Any] = batch.columns
    columns["day"] += [day] * len(rows)
    columns["service_name"] += [service] * len(rows)
    columns["stack"] += numbers[rows].tolist()
    columns["seen_at"] += [timestamp_ms // _MS_PER_SECOND] * len(rows)
    places, depths = decoded.stacks.frames(rows)
    for name, values in decoded.frames.columns_of_numbers().items():
        append_numbers(columns[name], values[places], depths)
    for name, indexes in decoded.frames.columns_of_words().items():
        append_words(columns[name], decoded.frames.texts, indexes[places], depths)
    batch.rows += len(rows)


def _service_hash(service: str) -> np.uint64:
    return np.uint64(int.from_bytes(blake2b(service.encode(), digest_size=8).digest()))
