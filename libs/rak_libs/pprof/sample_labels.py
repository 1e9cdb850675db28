"""What the labels of samples say: as texts, and which span a sample was taken in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np

from rak_libs.pprof.hex_ids import span_id_of, trace_id_of
from rak_libs.pprof.profile_columns import ProfileColumns

TRACE_ID_KEYS: Final = frozenset({"trace_id", "traceid", "trace.id", "trace id"})
SPAN_ID_KEYS: Final = frozenset({"span_id", "spanid", "span.id", "span id"})
SPAN_NAME_KEYS: Final = frozenset({"span_name", "span.name"})

_LABEL_BYTES: Final = 4 * 8
_NOTHING: Final = ("", "", "", "")


@dataclass(slots=True)
class SampleLabels:
    """The labels of samples, as columns of `cpu_profiles`; each has an element a sample."""

    label_texts: list[str] = field(default_factory=list)
    trace_ids: list[str] = field(default_factory=list)
    span_ids: list[str] = field(default_factory=list)
    span_names: list[str] = field(default_factory=list)


def sample_labels(profile: ProfileColumns) -> SampleLabels:
    """Read the labels of a checked profile's samples.

    Many samples have the same ones; each set of labels is looked at once.
    """
    samples = profile.samples
    rows = np.column_stack(
        [samples.label_keys, samples.label_texts, samples.label_numbers, samples.label_units]
    )
    content = rows.tobytes()
    seen = {b"": _NOTHING}
    said: list[tuple[str, str, str, str]] = []
    begin = 0
    for end in (np.cumsum(samples.label_counts) * _LABEL_BYTES).tolist():
        key = content[begin:end]
        if key not in seen:
            labels = rows[begin // _LABEL_BYTES : end // _LABEL_BYTES].tolist()
            seen[key] = _read(profile.texts, labels)
        said.append(seen[key])
        begin = end
    return SampleLabels(*map(list, zip(*said, strict=True)))


def _read(texts: Sequence[str], labels: Sequence[Sequence[int]]) -> tuple[str, str, str, str]:
    by_key: dict[str, list[Any]] = {}
    words: list[tuple[str, str]] = []
    for key, text, number, unit in labels:
        if text or not (number or unit):
            words.append((texts[key].lower(), texts[text]))
            by_key.setdefault(texts[key], []).append(texts[text])
        else:
            by_key.setdefault(texts[key], []).append({"number": number, "unit": texts[unit]})
    return (
        msgspec.json.encode(by_key).decode(),
        next(filter(None, map(trace_id_of, _named(words, TRACE_ID_KEYS))), ""),
        next(filter(None, map(span_id_of, _named(words, SPAN_ID_KEYS))), ""),
        next(filter(None, _named(words, SPAN_NAME_KEYS)), ""),
    )


def _named(words: Sequence[tuple[str, str]], keys: frozenset[str]) -> Iterator[str]:
    return (text for key, text in words if key in keys)
