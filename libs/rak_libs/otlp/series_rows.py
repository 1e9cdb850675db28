"""Rows of `metric_series`, from the points of a message."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from rak_libs.model.batch import ColumnBatch, MapValues
from rak_libs.otlp.append_attributes import append_attributes
from rak_libs.otlp.metric_series import PROMOTED, read_series_attributes
from rak_libs.otlp.point_columns import PointColumns
from rak_libs.otlp.read_attributes import FROM_OBJECTS
from rak_libs.otlp.typed_json import attributes_to_text, value_to_plain_text

_IDENTITY: Final = {
    "metric_name": "name",
    "metric_type": "type",
    "temporality": "temporality",
    "unit": "unit",
}
"""Columns by attributes of `MetricIdentity`."""


def append_series(
    batch: ColumnBatch, points: PointColumns, series: Sequence[tuple[int, int]], seen_at_ms: int
) -> None:
    """Append rows of series that points belong to.

    Args:
        batch: Rows of `metric_series`.
        points: The points.
        series: Fingerprint and day, since 1970, of each row; the day of the series' points.
        seen_at_ms: Milliseconds since 1970.
    """
    if not series:
        return
    rows: dict[int, int] = {}
    for row, fingerprint in enumerate(points.fingerprints):
        rows.setdefault(fingerprint, row)
    columns: dict[str, Any] = batch.columns
    metrics = [points.metric_of(rows[fingerprint]) for fingerprint, _ in series]
    columns["fingerprint"] += [fingerprint for fingerprint, _ in series]
    columns["day"] += [day for _, day in series]
    for column, attribute in _IDENTITY.items():
        columns[column] += [getattr(identity, attribute) for identity, _ in metrics]
    columns["description"] += [metric.description for _, metric in metrics]
    columns["metadata"] += [attributes_to_text(metric.metadata) for _, metric in metrics]
    origins = [identity.origin for identity, _ in metrics]
    for column in origins[0].facts:
        columns[column] += [origin.facts[column] for origin in origins]
    attributes = [
        read_series_attributes(points.attributes[rows[fingerprint]]) for fingerprint, _ in series
    ]
    _append_attributes(columns, attributes, [origin.promoted for origin in origins])
    columns["seen_at"] += [seen_at_ms] * len(series)
    batch.rows += len(series)


def _append_attributes(
    columns: dict[str, Any],
    sets: Sequence[Sequence[KeyValue]],
    of_resources: Sequence[Mapping[str, str]],
) -> None:
    """Append the typed Maps, the labels, and what is promoted of these or else of the resource."""
    facts = PROMOTED.defaults(len(sets))
    append_attributes(columns, [FROM_OBJECTS.read_set(each) for each in sets], facts)
    for name, stated in PROMOTED.settled(facts).items():
        columns[name] += [
            own or of_resource[name] for own, of_resource in zip(stated, of_resources, strict=True)
        ]
    labels: MapValues = columns["labels"]
    texts = [
        {attribute.key: value_to_plain_text(attribute.value) for attribute in attributes}
        for attributes in sets
    ]
    begin = len(labels.keys)
    labels.offsets += [begin + end for end in accumulate(map(len, texts))]
    labels.keys += [key for labels_of_row in texts for key in labels_of_row]
    labels.values += [text for labels_of_row in texts for text in labels_of_row.values()]
