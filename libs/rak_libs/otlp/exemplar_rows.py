"""Rows of `metric_exemplars`, from the points of a message."""

from typing import Any, Final

from rak_libs.model.batch import ColumnBatch
from rak_libs.otlp.number_points import number_of
from rak_libs.otlp.point_columns import PointColumns, as_signed
from rak_libs.otlp.typed_json import attributes_to_text

_TRACE_ID_BYTES: Final = 16
_SPAN_ID_BYTES: Final = 8


def append_exemplars(batch: ColumnBatch, points: PointColumns, ingested_at_ms: int) -> None:
    """Append the exemplars of points, in their order.

    An id of a wrong length, or one that is all zero, is stored as absent.
    """
    if not points.with_exemplars:
        return
    columns: dict[str, Any] = batch.columns
    exemplars = [each for _, point in points.with_exemplars for each in point.exemplars]
    rows = [row for row, point in points.with_exemplars for _ in point.exemplars]
    names = points.names()
    columns["metric_name"] += [names[row] for row in rows]
    columns["fingerprint"] += [points.fingerprints[row] for row in rows]
    columns["timestamp"] += [points.times[row] for row in rows]
    columns["start_timestamp"] += as_signed([points.starts[row] for row in rows])
    for _, point in points.with_exemplars:
        columns["position"] += range(len(point.exemplars))
    columns["exemplar_timestamp"] += as_signed([each.time_unix_nano for each in exemplars])
    numbers = [number_of(each) for each in exemplars]
    columns["value"] += [value for value, _, _ in numbers]
    columns["value_remainder"] += [remainder for _, remainder, _ in numbers]
    columns["value_type"] += [type_ for _, _, type_ in numbers]
    columns["trace_id"] += [_id(each.trace_id, _TRACE_ID_BYTES) for each in exemplars]
    columns["span_id"] += [_id(each.span_id, _SPAN_ID_BYTES) for each in exemplars]
    columns["attributes"] += [attributes_to_text(each.filtered_attributes) for each in exemplars]
    columns["flags"] += [points.flags.get(row, 0) for row in rows]
    columns["ingested_at"] += [ingested_at_ms] * len(exemplars)
    batch.rows += len(exemplars)


def _id(sent: bytes, length: int) -> str:
    return sent.hex() if len(sent) == length and any(sent) else ""
