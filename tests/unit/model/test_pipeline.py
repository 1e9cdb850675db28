"""The pipeline table's rows and columns are one thing."""

from dataclasses import fields

import pytest

from rak_libs.clickhouse.insert import encode_block
from rak_libs.model.batch import new_batch
from rak_libs.model.pipeline import (
    PIPELINE,
    PipelineRow,
    append_rows,
    hour_of,
)
from span_rows import rows_of


def test_a_row_has_the_tables_columns() -> None:
    assert tuple(field.name for field in fields(PipelineRow)) == PIPELINE.column_names


def test_appended_rows_are_the_batchs_rows() -> None:
    batch = new_batch(PIPELINE)
    append_rows(batch, [PipelineRow(signal="spans", hour=1, service="writer", outcome="stored")])
    append_rows(batch, [PipelineRow(signal="x", hour=2, service="y", outcome="z", day=20_000)])
    assert batch.rows == 2
    assert [(row["signal"], row["day"]) for row in rows_of(batch)] == [("spans", 0), ("x", 20_000)]
    assert encode_block(PIPELINE, batch).rows == 2


@pytest.mark.parametrize(
    ("timestamp_ms", "hour_ms"), [(0, 0), (3_599_999, 0), (3_600_000, 3_600_000), (-1, 0)]
)
def test_the_hour_of_a_record(timestamp_ms: int, hour_ms: int) -> None:
    assert hour_of(timestamp_ms) == hour_ms * 1_000_000
