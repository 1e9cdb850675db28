"""Which types have an encoder, and what the simplest of them write."""

from io import BytesIO
from typing import Any

import pytest

from rak_libs.clickhouse.column_encoding import encoder_of
from rak_libs.model.ledger import LEDGER, TRACE_TOTALS
from rak_libs.model.metrics import METRIC_TABLES
from rak_libs.model.pipeline import PIPELINE
from rak_libs.model.profiles import PROFILE_TABLES
from rak_libs.model.spans import SPANS


def written(type_: str, values: list[Any]) -> bytes:
    buffer = BytesIO()
    encoder_of(type_).write_values(values, buffer)  # type: ignore[arg-type] # strings are not tried
    return buffer.getvalue()


def test_every_stored_column_has_an_encoder() -> None:
    for table in (SPANS, PIPELINE, *METRIC_TABLES, *PROFILE_TABLES, LEDGER, TRACE_TOTALS):
        for column in table.stored_columns:
            assert encoder_of(column.type)


def test_none_is_null() -> None:
    """First which are NULL, then a number for each value, 0 in the place of NULL."""
    one = b"\0\0\0\0\0\0\xf0\x3f"
    assert written("Nullable(Float64)", [None, 1.0, None]) == b"\1\0\1" + bytes(8) + one + bytes(8)
    assert written("Nullable(Float64)", [1.0]) == b"\0" + one
    assert written("Nullable(Float64)", []) == b""


@pytest.mark.parametrize("type_", ["Nullable(String)", "Nullable(Decimal(9, 2))", "UUID"])
def test_a_type_without_an_encoder_is_refused(type_: str) -> None:
    with pytest.raises(ValueError, match="no encoder for a column of type"):
        encoder_of(type_)
