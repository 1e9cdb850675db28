"""Columns in memory as the rows that a SELECT would return."""

from collections.abc import Iterator
from typing import Any

from rak_libs.model.batch import ArrayValues, ColumnBatch, ColumnValues, MapValues


def rows_of(batch: ColumnBatch) -> list[dict[str, Any]]:
    """Return one dict a row: lists for Arrays, dicts for Maps."""
    columns = {name: list(_cells(values)) for name, values in batch.columns.items()}
    assert {len(cells) for cells in columns.values()} <= {batch.rows}
    return [{name: cells[row] for name, cells in columns.items()} for row in range(batch.rows)]


def _cells(values: ColumnValues) -> Iterator[Any]:
    if isinstance(values, list):
        yield from values
        return
    start = 0
    for end in values.offsets:
        if isinstance(values, MapValues):
            keys = values.keys[start:end]
            assert len(set(keys)) == len(keys), "a Map holds each key once"
            yield dict(zip(keys, values.values[start:end], strict=True))
        else:
            assert isinstance(values, ArrayValues)
            yield values.values[start:end]
        start = end
