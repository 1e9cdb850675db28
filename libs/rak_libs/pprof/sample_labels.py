"""What the labels of samples say: as texts, and which span a sample was taken in."""

from collections.abc import Iterator, Sequence
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
