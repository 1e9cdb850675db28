"""Our columns put into a table what clickhouse-driver's own columns put there."""

import random
import struct
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from itertools import accumulate
from typing import Any

import pytest
from clickhouse_driver import Client

from rak_libs.clickhouse.errors import PermanentClickHouseError, SchemaError
from rak_libs.clickhouse.insert import Inserter
from rak_libs.model.batch import (
    ArrayValues,
    ColumnBatch,
    ColumnValues,
    MapValues,
    NestedArrayValues,
    WordValues,
    new_batch,
    rows_kept,
)
from rak_libs.model.ledger import LEDGER, TRACE_TOTALS
from rak_libs.model.metrics import METRIC_TABLES, STALE_NAN_BITS
from rak_libs.model.pipeline import PIPELINE
from rak_libs.model.profiles import PROFILE_TABLES
from rak_libs.model.spans import SPANS
from rak_libs.model.table import Table, columns

PACKED = {"word_arrays", "no_words", "count_arrays", "int_arrays", "bool_arrays", "nested_arrays"}
_MANY = [f"word {number}" for number in range(70_000)]

# One column each, as rows; the driver takes them as they are.
COLUMNS: dict[str, tuple[str, list[Any]]] = {
    "texts": ("String", ["", "a", "é😀", "nul\0inside", "x" * 300]),
    "fixed": ("FixedString(16)", ["", "0123456789abcdef", "short"]),
    "words": ("LowCardinality(String)", ["", "a", "a", "b", "\0"]),
    "one_word": ("LowCardinality(String)", ["same"] * 5),
    "words_256": ("LowCardinality(String)", _MANY[:256]),
    "words_257": ("LowCardinality(String)", _MANY[:257]),
    "words_70000": ("LowCardinality(String)", _MANY),
    "uint8": ("UInt8", [0, 255]),
    "uint16": ("UInt16", [0, 65_535]),
    "uint32": ("UInt32", [0, 2**32 - 1]),
    "uint64": ("UInt64", [0, 2**64 - 1]),
    "int64": ("Int64", [-(2**63), 0, 2**63 - 1]),
    "floats": ("Float64", [0.0, -0.0, 5e-324, float("inf"), 1.5]),
    "maybe_floats": ("Nullable(Float64)", [None, 0.0, -0.0, None, float("inf"), 1.5]),
    "no_nulls": ("Nullable(Float64)", [0.0, 5e-324]),
    "all_null": ("Nullable(Float64)", [None, None]),
    "int32": ("Int32", [-(2**31), 0, 2**31 - 1]),
    "days": ("Date", [date(1970, 1, 1), date(2026, 5, 1), date(2149, 6, 6)]),
    "bools": ("Bool", [True, False]),
    "kinds": ("Enum8('A' = 0, 'B' = 5)", ["A", "B"]),
    "times": ("DateTime64(9, 'UTC')", [0, 1, 1_800_000_000_123_456_789, 2**63 - 1]),
    "times_ms": ("DateTime64(3, 'UTC')", [0, 1_800_000_000_123]),
    "text_arrays": ("Array(String)", [[], ["a"], ["b", ""], []]),
    "word_arrays": ("Array(LowCardinality(String))", [[], ["a", "a"], ["b"]]),
    "no_words": ("Array(LowCardinality(String))", [[], []]),
    "id_arrays": ("Array(FixedString(8))", [["01234567"], []]),
    "number_arrays": ("Array(UInt32)", [[1, 2], [], [2**32 - 1]]),
    "count_arrays": ("Array(UInt64)", [[], [0, 2**64 - 1], [7]]),
    "float_arrays": ("Array(Float64)", [[0.5, -0.0, float("inf")], []]),
    "time_arrays": ("Array(DateTime64(9, 'UTC'))", [[-1, 5], []]),
    "nested_arrays": ("Array(Array(Int64))", [[[1, 2], [], [-(2**63)]], [], [[]], [[7]]]),
    "no_nested_arrays": ("Array(Array(Int64))", [[], []]),
    "bool_arrays": ("Array(Bool)", [[True, False], []]),
    "int_arrays": ("Array(Int64)", [[-(2**63), 0], []]),
    "costs": ("Decimal(38, 12)", [Decimal(0), Decimal("0.000000000001"), Decimal("-12345.5")]),
    "seconds": ("DateTime('UTC')", [0, 1_800_000_000, 2**32 - 1]),
    "text_maps": ("Map(LowCardinality(String), String)", [{}, {"": "x"}, {"a": "", "b": "y"}]),
    "int_maps": ("Map(LowCardinality(String), Int64)", [{"a": -(2**63)}, {}]),
    "float_maps": ("Map(LowCardinality(String), Float64)", [{"a": 1.5, "b": -0.0}, {}]),
    "bool_maps": ("Map(LowCardinality(String), Bool)", [{"a": True}, {"a": False}, {}]),
    "empty_maps": ("Map(LowCardinality(String), String)", [{}, {}]),
}


_NUMBERS: dict[str, Callable[[Any], int]] = {
    "Enum8": {"A": 0, "B": 5}.__getitem__,
    "Decimal": lambda cost: int(cost.scaleb(12)),
    "Date": lambda day: (day - date(1970, 1, 1)).days,
}


def flat(type_: str, rows: list[Any]) -> ColumnValues:
    """Return rows as the flat lists of a batch."""
    if type_.startswith("Map"):
        return MapValues(
            offsets=list(accumulate(map(len, rows))),
            keys=[key for row in rows for key in row],
            values=[value for row in rows for value in row.values()],
        )
    if type_.startswith("Array(Array("):
        arrays = [array for row in rows for array in row]
        inner = flat("Array(Int64)", arrays)
        assert isinstance(inner, ArrayValues)
        return NestedArrayValues(list(accumulate(map(len, rows))), inner)
    if type_.startswith("Array"):
        return ArrayValues(
            offsets=list(accumulate(map(len, rows))),
            values=[value for row in rows for value in row],
        )
    number = _NUMBERS.get(type_.partition("(")[0])
    return list(map(number, rows)) if number else rows


def create(client: Client, name: str, type_: str) -> Table:
    """Make an empty table with one column `value`, and a number to order the rows by."""
    client.execute(f"DROP TABLE IF EXISTS {name}")
    client.execute(f"CREATE TABLE {name} (n UInt32, value {type_}) ENGINE = MergeTree ORDER BY n")
    return Table(name, columns([("n", "UInt32"), ("value", type_)]))


def stored(client: Client, name: str) -> list[tuple[Any, ...]]:
    """Read the column as text, which shows every bit of times, NULs and signs of zero."""
    rows: list[tuple[Any, ...]] = client.execute(
        f"SELECT n, toString(value), toTypeName(value) FROM {name} ORDER BY n"
    )
    return rows


def test_every_type_that_tables_have_is_tried() -> None:
    """The cases cover each type that the project stores."""
    tried = {
        type_.partition("(FixedString")[0].partition("Enum8")[0] for type_, _ in COLUMNS.values()
    }
    used = {
        column.type.partition("(FixedString")[0].partition("Enum8")[0]
        for table in (SPANS, PIPELINE, *METRIC_TABLES, *PROFILE_TABLES, LEDGER, TRACE_TOTALS)
        for column in table.columns
        if not column.type.startswith("FixedString")
    }
    assert used <= tried


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_are_stored_as_the_driver_stores_them(
    name: str, client: Client, inserter: Inserter
) -> None:
    """Same rows through both, equal on reading."""
    type_, rows = COLUMNS[name]
    numbers = list(range(len(rows)))
    theirs, ours = f"theirs_{name}", f"ours_{name}"
    create(client, theirs, type_)
    client.execute(f"INSERT INTO {theirs} VALUES", [numbers, list(rows)], columnar=True)
    table = create(client, ours, type_)
    batch = ColumnBatch(len(rows), {"n": numbers, "value": flat(type_, rows)})
    inserter.insert(table, batch, {})
    assert len(stored(client, ours)) == len(rows)
    assert stored(client, ours) == stored(client, theirs)


@pytest.mark.parametrize("name", [name for name in COLUMNS if name in PACKED])
def test_packed_columns_are_stored_as_lists_are(
    name: str, client: Client, inserter: Inserter
) -> None:
    """Numbers in arrays and words by their places; and again without some of the rows."""
    type_, rows = COLUMNS[name]
    table = create(client, f"packed_{name}", type_)
    packed = new_batch(Table("packed", columns([("value", type_)]), packed=True)).columns["value"]
    values = flat(type_, rows)
    assert isinstance(packed, ArrayValues | NestedArrayValues)
    assert isinstance(values, ArrayValues | NestedArrayValues)
    packed.offsets += values.offsets
    _pack(packed.values, values.values)
    batch = ColumnBatch(len(rows), {"n": list(range(len(rows))), "value": packed})
    inserter.insert(table, batch, {})
    kept = [number % 2 == 0 for number in range(len(rows))]
    inserter.insert(table, rows_kept(batch, kept), {})
    texts = [str(row).replace(", ", ",") for row in rows]
    expected = [
        (number, text) for number, text in enumerate(texts) for _ in range(1 + kept[number])
    ]
    found = [(row[0], row[1].replace("true", "True").replace("false", "False"))
             for row in stored(client, f"packed_{name}")]  # fmt: skip
    assert found == expected


def _pack(packed: Any, values: Any) -> None:
    if isinstance(packed, ArrayValues):
        packed.offsets += values.offsets
        packed, values = packed.values, values.values
    if isinstance(packed, WordValues):
        packed.places.extend(packed.words.setdefault(word, len(packed.words)) for word in values)
    else:
        packed.extend(values)


def test_every_bit_of_a_nan_is_stored(client: Client, inserter: Inserter) -> None:
    """The stale marker is a NaN among others, a signalling one at that."""
    (stale,) = struct.unpack("<d", struct.pack("<Q", STALE_NAN_BITS))
    for type_ in ("Float64", "Nullable(Float64)"):
        table = create(client, "stale", type_)
        inserter.insert(table, ColumnBatch(2, {"n": [0, 1], "value": [stale, float("nan")]}), {})
        bits = client.execute("SELECT reinterpretAsUInt64(assumeNotNull(value)) FROM stale")
        assert bits == [(STALE_NAN_BITS,), (0x7FF8 << 48,)]


def test_bytes_are_taken_as_well_as_text(client: Client, inserter: Inserter) -> None:
    for type_ in ("String", "FixedString(4)", "LowCardinality(String)"):
        table = create(client, "as_bytes", type_)
        inserter.insert(table, ColumnBatch(2, {"n": [0, 1], "value": [b"abcd", b"efgh"]}), {})
        assert [row[1] for row in stored(client, "as_bytes")] == ["abcd", "efgh"]


def test_an_empty_batch_inserts_nothing(client: Client, inserter: Inserter) -> None:
    table = create(client, "nothing", "String")
    inserter.insert(table, ColumnBatch(0, {"n": [], "value": []}), {})
    assert stored(client, "nothing") == []


def test_a_batch_is_one_part(client: Client, inserter: Inserter) -> None:
    """200,000 rows in one INSERT make one part: the block is never split on the way."""
    table = create(client, "large", "String")
    values = [str(random.random()) for _ in range(200_000)]
    inserter.insert(
        table, ColumnBatch(len(values), {"n": list(range(200_000)), "value": values}), {}
    )
    # A part may have been merged since, but with one INSERT there is nothing to merge it with.
    parts = client.execute("SELECT rows, level FROM system.parts WHERE table = 'large' AND active")
    assert parts == [(200_000, 0)]
    assert [row[1] for row in stored(client, "large")] == values


def test_a_column_of_another_type_is_named(client: Client, inserter: Inserter) -> None:
    """A table that changed under us is a schema error, and nothing is written."""
    create(client, "changed", "String")
    table = Table("changed", columns([("n", "UInt32"), ("value", "UInt64")]))
    with pytest.raises(SchemaError, match=r"changed\.value is String, expected UInt64"):
        inserter.insert(table, ColumnBatch(1, {"n": [1], "value": [1]}), {})
    assert stored(client, "changed") == []


def test_missing_columns_and_tables_are_schema_errors(client: Client, inserter: Inserter) -> None:
    create(client, "narrow", "String")
    table = Table("narrow", columns([("n", "UInt32"), ("other", "String")]))
    with pytest.raises(SchemaError, match="other"):
        inserter.insert(table, ColumnBatch(1, {"n": [1], "other": ["x"]}), {})
    with pytest.raises(SchemaError, match="absent"):
        inserter.insert(Table("absent", columns([("n", "UInt32")])), ColumnBatch(1, {"n": [1]}), {})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([2**64], "too big"),
        ([-1], "negative"),
        (["1"], "integer"),
        ([1, 2], "2 rows instead of 1"),
    ],
)
def test_values_that_do_not_fit_are_permanent_errors(
    values: list[Any], message: str, client: Client, inserter: Inserter
) -> None:
    """They are found before anything is sent, and the connection stays usable."""
    table = create(client, "numbers", "UInt64")
    with pytest.raises(PermanentClickHouseError, match=message):
        inserter.insert(table, ColumnBatch(1, {"n": [1], "value": values}), {})
    inserter.insert(table, ColumnBatch(1, {"n": [1], "value": [5]}), {})
    assert [row[1] for row in stored(client, "numbers")] == ["5"]


def test_costs_are_exact_to_the_last_digit(client: Client, inserter: Inserter) -> None:
    """From whole numbers of their last decimal; one digit more is refused."""
    table = create(client, "digits", "Decimal(38, 12)")
    most = 10**38 - 1
    inserter.insert(table, ColumnBatch(2, {"n": [1, 2], "value": [most, -most]}), {})
    digits = f"{'9' * 26}.{'9' * 12}"
    assert [row[1] for row in stored(client, "digits")] == [digits, f"-{digits}"]
    with pytest.raises(PermanentClickHouseError, match="last digit"):
        inserter.insert(table, ColumnBatch(1, {"n": [3], "value": [most + 1]}), {})


def test_settings_reach_the_engine(client: Client, inserter: Inserter) -> None:
    """A deduplication token makes a second attempt do nothing."""
    table = create(client, "once", "String")
    client.execute("ALTER TABLE once MODIFY SETTING non_replicated_deduplication_window = 10")
    for token in ("first", "first", "second"):
        batch = ColumnBatch(1, {"n": [1], "value": ["x"]})
        inserter.insert(table, batch, {"insert_deduplication_token": token})
    assert len(stored(client, "once")) == 2
