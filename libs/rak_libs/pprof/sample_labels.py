"""What the labels of samples say: as texts, and which span a sample was taken in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np

from rak_libs.pprof.hex_ids import span_id_of, trace_id_of
from rak_libs.pprof.number_messages import Numbers
from rak_libs.pprof.profile_columns import ProfileColumns

TRACE_ID_KEYS: Final = frozenset({"trace_id", "traceid", "trace.id", "trace id"})
SPAN_ID_KEYS: Final = frozenset({"span_id", "spanid", "span.id", "span id"})
SPAN_NAME_KEYS: Final = frozenset({"span_name", "span.name"})

_LABEL_BYTES: Final = 4 * 8
_NOTHING: Final = ("", "", "", "")


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
    rows = np.column_stack(
        [samples.label_keys, samples.label_texts, samples.label_numbers, samples.label_units]
    )
    content = rows.tobytes()
    places = {b"": 0}
    said = [_NOTHING]
    sets: list[int] = []
    begin = 0
    for end in (np.cumsum(samples.label_counts) * _LABEL_BYTES).tolist():
        key = content[begin:end]
        place = places.get(key)
        if place is None:
            place = places[key] = len(said)
            labels = rows[begin // _LABEL_BYTES : end // _LABEL_BYTES].tolist()
            said.append(_read(profile.texts, labels))
        sets.append(place)
        begin = end
    return SampleLabels(np.array(sets, np.int64), *zip(*said, strict=True))


def _read(texts: Sequence[str], labels: Sequence[Sequence[int]]) -> tuple[str, str, str, str]:
    by_key: dict[str, list[Any]] = {}
    trace_id = span_id = span_name = ""
    for key, text, number, unit in labels:
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
    return msgspec.json.encode(by_key).decode(), trace_id, span_id, span_name
