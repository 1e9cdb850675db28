"""Rows as `rebuild_metrics` and `rebuild_logs` take them, read from a real engine."""

import struct
from collections.abc import Iterable
from typing import Any

from clickhouse_driver import Client

from rak_libs.model.table import Column, Table

Rows = list[dict[str, Any]]


def read_tables(client: Client, tables: Iterable[Table]) -> dict[str, Rows]:
    """Return every row of each table by the table's name, times as whole nanoseconds."""
    return {table.name: _read(client, table) for table in tables}


def _read(client: Client, table: Table) -> Rows:
    expressions = ", ".join(map(_expression, table.columns))
    final = "" if table.by_batch else " FINAL"
    rows = client.execute(f"SELECT {expressions} FROM {table.name}{final}")
    return [
        {
            column.name: _double(value) if column.type == "Float64" else value
            for column, value in zip(table.columns, row, strict=True)
        }
        for row in rows
    ]


def _expression(column: Column) -> str:
    if column.type.startswith("DateTime64(9"):
        return f"toUnixTimestamp64Nano({column.name})"
    if column.type.startswith("DateTime64(3"):
        return f"toUnixTimestamp64Milli({column.name})"
    if column.type == "Float64":
        # The bits: a driver need not keep those of NaN.
        return f"reinterpretAsUInt64({column.name})"
    return column.name


def _double(bits: int) -> float:
    (value,) = struct.unpack("<d", bits.to_bytes(8, "little"))
    assert isinstance(value, float)
    return value
