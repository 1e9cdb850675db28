"""What the labels of samples say: as texts, and which span a sample was taken in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np

from rak_libs.pprof.hex_ids import span_id_of, trace_id_of
from rak_libs.pprof.number_hashes import hashes_of_groups, hashes_of_rows
from rak_libs.pprof.number_messages import Numbers
from rak_libs.pprof.profile_columns import ProfileColumns

TRACE_ID_KEYS: Final = frozenset({"trace_id", "traceid", "trace.id", "trace id"})
SPAN_ID_KEYS: Final = frozenset({"span_id", "spanid", "span.id", "span id"})
SPAN_NAME_KEYS: Final = frozenset({"span_name", "span.name"})


@dataclass(frozen=True, slots=True)
class SampleLabels:
    """The labels of samples: what each different set of them says.

    Attributes:
        sets: Of each sample, which set it has.
        texts: Of each set, all of it as a JSON object; '' of the empty one.
        trace_ids: The trace that it names, or ''.
        span_ids: The span that it names, or ''.
        span_names: The span's name, or ''.
    """

    sets: Numbers
    texts: Sequence[str]
    trace_ids: Sequence[str]
    span_ids: Sequence[str]
    span_names: Sequence[str]


def sample_labels(profile: ProfileColumns) -> SampleLabels:
    """Read the labels of a checked profile's samples."""
    samples = profile.samples
    columns = (
        samples.label_keys,
        samples.label_texts,
        samples.label_numbers,
        samples.label_units,
    )
    labels = hashes_of_rows([column.view(np.uint64) for column in columns])
    sets = hashes_of_groups(labels, samples.label_counts)
    _, first, places = np.unique(sets, return_index=True, return_inverse=True)
    ends = np.cumsum(samples.label_counts)
    said = [
        _read(profile.texts, [column[end - count : end].tolist() for column in columns])
        for end, count in zip(
            ends[first].tolist(), samples.label_counts[first].tolist(), strict=True
        )
    ]
    trace_ids, span_ids, span_names, told = zip(*said, strict=True) if said else ((), (), (), ())
    return SampleLabels(places, told, trace_ids, span_ids, span_names)


def _read(texts: Sequence[str], columns: Sequence[Sequence[int]]) -> tuple[str, str, str, str]:
    """Return trace id, span id, span name and the whole of what a set of labels says.

    Its columns are those of `Samples`.
    """
    by_key: dict[str, list[Any]] = {}
    trace_id = span_id = span_name = ""
    for key, text, number, unit in zip(*columns, strict=True):
        name = texts[key]
        if not text and (number or unit):
            by_key.setdefault(name, []).append({"number": number, "unit": texts[unit]})
            continue
        value = texts[text]
        by_key.setdefault(name, []).append(value)
        # Of several labels that name one, the first that is one counts.
        name = name.lower()
        if name in TRACE_ID_KEYS:
            trace_id = trace_id or trace_id_of(value)
        elif name in SPAN_ID_KEYS:
            span_id = span_id or span_id_of(value)
        elif name in SPAN_NAME_KEYS:
            span_name = span_name or value
    told = msgspec.json.encode(by_key).decode() if by_key else ""
    return trace_id, span_id, span_name, told
