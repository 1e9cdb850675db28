"""Every column type of the schema goes in and comes out unchanged, empty values included."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from clickhouse_driver import Client

ZONED = datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BIG = "x" * (1 << 20)

CASES: list[tuple[str, list[Any]]] = [
    ("FixedString(32)", ["0123456789abcdef" * 2, ""]),
    ("FixedString(16)", ["0123456789abcdef"]),
    ("DateTime64(9, 'UTC')", [ZONED, EPOCH]),
    ("DateTime64(3, 'UTC')", [ZONED.replace(microsecond=123000), EPOCH]),
    ("Date", [ZONED.date(), EPOCH.date()]),
    ("UInt8", [0, 255]),
    ("UInt16", [0, 65535]),
    ("UInt32", [0, 2**32 - 1]),
    ("UInt64", [0, 2**64 - 1]),
    ("Int64", [-(2**63), 0, 2**63 - 1]),
    ("Float64", [0.0, -0.0, 1.5e300, math.inf, -math.inf]),
    ("Bool", [True, False]),
    ("Enum8('UNSET' = 0, 'O)K' = 1, 'ER''R' = -2)", ["UNSET", "O)K", "ER'R"]),
    ("LowCardinality(String)", ["", "a", "a", "ü\x00"]),
    ("String", ["", "a\x00b", "日本語", BIG]),
    ("Map(LowCardinality(String), String)", [{}, {"": ""}, {"a": "1", "b\x00": BIG}]),
    ("Map(LowCardinality(String), Int64)", [{}, {"a": -(2**63), "b": 2**63 - 1}]),
    ("Map(LowCardinality(String), Float64)", [{}, {"a": 0.5, "b": math.inf}]),
    ("Map(LowCardinality(String), Bool)", [{}, {"a": True, "b": False}]),
    ("Array(String)", [[], [""], ["a", "b\x00"]]),
    ("Array(DateTime64(9, 'UTC'))", [[], [ZONED, EPOCH]]),
    ("Array(FixedString(32))", [[], ["0123456789abcdef" * 2]]),
    ("Array(UInt32)", [[], [0, 2**32 - 1]]),
    ("Array(LowCardinality(String))", [[], ["a", "b", "a"], [""]]),
    ("Array(Map(LowCardinality(String), String))", [[], [{}, {"a": "b"}]]),
    ("Array(Array(UInt64))", [[], [[], [1, 2]]]),
    ("Nullable(String)", [None, "", "a"]),
    ("LowCardinality(Nullable(String))", [None, "", "a"]),
    ("Tuple(a UInt8, b LowCardinality(String))", [(0, ""), (255, "z")]),
    ("Decimal(18, 4)", [Decimal("-1.5"), Decimal(0)]),
    ("SimpleAggregateFunction(max, DateTime64(9, 'UTC'))", [ZONED]),
    ("SimpleAggregateFunction(sum, UInt64)", [1, 2]),
]


@pytest.mark.parametrize(("type_name", "values"), CASES, ids=[case[0] for case in CASES])
def test_values_come_back_as_they_went_in(
    connect: Callable[..., Client], options: dict[str, Any], type_name: str, values: list[Any]
) -> None:
    client = connect(options)
    client.execute(f"CREATE TABLE t (n UInt32, v {type_name}) ENGINE = MergeTree ORDER BY n")
    written = client.execute("INSERT INTO t (n, v) VALUES", list(enumerate(values)))
    rows, columns = client.execute("SELECT v FROM t ORDER BY n", with_column_types=True)
    assert written == len(values)
    assert [row[0] for row in rows] == values
    assert [name for name, _ in columns] == ["v"]


@pytest.mark.parametrize(("type_name", "values"), CASES, ids=[case[0] for case in CASES])
def test_a_column_of_defaults_comes_back_from_one_client_call(
    client: Client, type_name: str, values: list[Any]
) -> None:
    """A part in which nearly all values are defaults is stored sparsely; clients never see it."""
    client.execute(
        f"CREATE TABLE t (n UInt32, v {type_name}) ENGINE = MergeTree ORDER BY n "
        "SETTINGS ratio_of_defaults_for_sparse_serialization = 0.5"
    )
    client.execute("INSERT INTO t (n) SELECT number FROM numbers(3000)")
    expected = client.execute(f"SELECT defaultValueOfTypeName({_literal(type_name)})")[0][0]
    rows = client.execute("SELECT v FROM t")
    assert len(rows) == 3000
    assert all(row[0] == expected for row in rows)


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def test_nan_comes_back_as_nan(connect: Callable[..., Client], options: dict[str, Any]) -> None:
    client = connect(options)
    client.execute("CREATE TABLE t (v Float64, m Map(String, Float64)) ENGINE = Memory")
    client.execute("INSERT INTO t VALUES", [(math.nan, {"k": math.nan})])
    ((value, mapped),) = client.execute("SELECT * FROM t")
    assert math.isnan(value)
    assert math.isnan(mapped["k"])


def test_nanoseconds_survive(connect: Callable[..., Client], options: dict[str, Any]) -> None:
    client = connect(options)
    client.execute("CREATE TABLE t (ns Int64, v DateTime64(9, 'UTC')) ENGINE = Memory")
    instant = 1_709_251_199_123_456_789
    client.execute(f"INSERT INTO t SELECT {instant}, fromUnixTimestamp64Nano({instant}, 'UTC')")
    assert client.execute("SELECT toUnixTimestamp64Nano(v) FROM t") == [(instant,)]


def test_nested_columns_are_arrays_of_one_length(
    connect: Callable[..., Client], options: dict[str, Any]
) -> None:
    client = connect(options)
    client.execute("CREATE TABLE t (n UInt8, e Nested(name String, at UInt64)) ENGINE = Memory")
    rows = [(1, ["a", "b"], [1, 2]), (2, [], [])]
    client.execute("INSERT INTO t (n, e.name, `e.at`) VALUES", rows)
    found, columns = client.execute("SELECT * FROM t ORDER BY n", with_column_types=True)
    assert found == rows
    assert columns[1:] == [("e.name", "Array(String)"), ("e.at", "Array(UInt64)")]


def test_aggregate_states_are_read_through_finalizers(client: Client) -> None:
    client.execute(
        "CREATE TABLE t (k UInt8, q AggregateFunction(quantilesTDigest(0.5), UInt16), "
        "m SimpleAggregateFunction(max, UInt64), c AggregateFunction(uniq, String)) "
        "ENGINE = AggregatingMergeTree ORDER BY k"
    )
    client.execute(
        "INSERT INTO t SELECT number % 2, quantilesTDigestState(0.5)(number % 2 + 7), max(number), "
        "uniqState(toString(number)) FROM numbers(100) GROUP BY 1"
    )
    rows = client.execute(
        "SELECT k, quantilesTDigestMerge(0.5)(q), max(m), uniqMerge(c) FROM t GROUP BY k ORDER BY k"
    )
    assert rows == [(0, [7.0], 98, 50), (1, [8.0], 99, 50)]
    assert client.execute("SELECT finalizeAggregation(c) FROM t ORDER BY k") == [(50,), (50,)]
