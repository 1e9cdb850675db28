"""INSERTs whose blocks come from the client: whole, once, or not at all."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

COLUMN_N = b"\x01n\x06UInt64"


def block_of(*numbers: int) -> bytes:
    """A Native block of one column `n UInt64`."""
    values = b"".join(number.to_bytes(8, "little") for number in numbers)
    return bytes((1, len(numbers))) + COLUMN_N + values


@pytest.fixture
def numbers(client: Client, database: str) -> str:
    client.execute("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
    return f"{database}.t"


def test_200_000_rows_go_in(connect: Callable[..., Client], options: dict[str, Any]) -> None:
    client = connect(options)
    client.execute(
        "CREATE TABLE t (n UInt64, s LowCardinality(String), m Map(LowCardinality(String), String))"
        " ENGINE = MergeTree ORDER BY n"
    )
    columns = [list(range(200_000)), [f"s{n % 50}" for n in range(200_000)], [{"k": "v"}] * 200_000]
    assert client.execute("INSERT INTO t VALUES", columns, columnar=True) == 200_000
    assert client.execute("SELECT count(), sum(n), uniq(s), uniq(m) FROM t") == [
        (200_000, 19_999_900_000, 50, 1)
    ]


def test_many_blocks_are_one_insert(client: Client, numbers: str) -> None:
    written = client.execute(
        f"INSERT INTO {numbers} VALUES",
        ((n,) for n in range(10_000)),
        settings={"insert_block_size": 100, "max_insert_threads": 1},
    )
    assert written == 10_000
    parts = "SELECT count(), sum(rows) FROM system.parts WHERE active AND table = 't'"
    assert client.execute(f"{parts} AND database = currentDatabase()") == [(1, 10_000)]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t (n) VALUES",
        "insert into t values;",
        "INSERT INTO TABLE t(n) SETTINGS async_insert = 0 VALUES",
        "INSERT INTO `t` (`n`) FORMAT Native",
        "INSERT INTO t (*) VALUES",
        "INSERT INTO t (* EXCEPT (other)) VALUES",
        "INSERT /* INTO x VALUES (1) */ INTO t (n) VALUES -- end",
    ],
)
def test_the_ways_to_write_an_insert(client: Client, statement: str) -> None:
    client.execute("CREATE TABLE t (n UInt64, other String MATERIALIZED 'o') ENGINE = Memory")
    if "EXCEPT" in statement:
        client.execute("DROP TABLE t")
        client.execute("CREATE TABLE t (n UInt64, other String) ENGINE = Memory")
    assert client.execute(statement, [(7,)]) == 1
    assert client.execute("SELECT n FROM t") == [(7,)]


def test_defaults_fill_columns_that_are_not_sent(client: Client) -> None:
    client.execute(
        "CREATE TABLE t (a UInt8, b UInt8 DEFAULT a + 1, c UInt8 MATERIALIZED a + 2) "
        "ENGINE = Memory"
    )
    client.execute("INSERT INTO t (a) VALUES", [(1,)])
    client.execute("INSERT INTO t VALUES", [(5, 50)])
    assert client.execute("SELECT a, b, c FROM t ORDER BY a") == [(1, 2, 3), (5, 50, 7)]


def test_a_repeated_token_is_written_once(client: Client) -> None:
    client.execute(
        "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n "
        "SETTINGS non_replicated_deduplication_window = 100"
    )
    for token, value in [("one", 1), ("one", 1), ("one", 2), ("two", 1)]:
        settings = {"insert_deduplication_token": token, "async_insert": 0}
        assert client.execute("INSERT INTO t VALUES", [(value,)], settings=settings) == 1
    assert client.execute("SELECT n FROM t") == [(1,), (1,)]


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("INSERT INTO no_such_table VALUES", 60),
        ("INSERT INTO no_such_database.t VALUES", 81),
        ("INSERT INTO t (no_such_column) VALUES", 16),
        ("INSERT INTO t SETTINGS no_such_setting = 1 VALUES", 115),
    ],
)
def test_an_insert_that_cannot_be_is_refused_before_its_data(
    client: Client, numbers: str, statement: str, code: int
) -> None:
    with pytest.raises(ServerException) as caught:
        client.execute(statement, [(1,)])
    assert caught.value.code == code
    assert client.execute("INSERT INTO t VALUES", [(1,)]) == 1


def test_an_error_in_the_middle_leaves_nothing_and_the_connection_usable(
    client: Client, raw: Any, numbers: str
) -> None:
    raw.hello()
    raw.query(f"INSERT INTO {numbers} (n) VALUES")
    raw.data(block_of(*range(100)))
    raw.data(b"\x01\x01\x01n\x06String\x05wrong")
    raw.data(block_of(1))
    raw.data(b"\x00\x00")
    assert raw.expect_exception() in {6, 53, 72}
    assert client.execute(f"SELECT count() FROM {numbers}") == [(0,)]
    raw.query(f"INSERT INTO {numbers} (n) VALUES")
    raw.data(block_of(5))
    raw.data(b"\x00\x00")
    assert [raw.read_packet(), raw.read_packet()] == [1, 5]
    assert client.execute(f"SELECT n FROM {numbers}") == [(5,)]


def test_an_error_of_a_view_fails_the_insert(client: Client, numbers: str) -> None:
    client.execute(
        "CREATE MATERIALIZED VIEW v ENGINE = MergeTree ORDER BY x "
        "AS SELECT throwIf(n = 150) AS x FROM t"
    )
    with pytest.raises(ServerException) as caught:
        client.execute("INSERT INTO t VALUES", [(n,) for n in range(200)])
    assert caught.value.code == 395
    assert client.execute("SELECT count() FROM v") == [(0,)]


@pytest.mark.parametrize(
    ("definition", "code"),
    [
        ("(n UInt64) ENGINE = MergeTree ORDER BY n PARTITION BY n", 252),
        ("(n UInt64, CONSTRAINT low CHECK n < 150) ENGINE = MergeTree ORDER BY n", 469),
        ("(n UInt64, m UInt64 DEFAULT throwIf(n = 150)) ENGINE = MergeTree ORDER BY n", 395),
    ],
    ids=["partition limit", "constraint", "default"],
)
def test_rows_that_the_table_refuses_fail_the_insert(
    client: Client, definition: str, code: int
) -> None:
    client.execute(f"CREATE TABLE t {definition}")
    with pytest.raises(ServerException) as caught:
        client.execute("INSERT INTO t (n) VALUES", [(n,) for n in range(200)])
    assert caught.value.code == code
    assert client.execute("SELECT count() FROM t") == [(0,)]


def test_too_many_parts_are_reported(client: Client) -> None:
    client.execute(
        "CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n "
        "SETTINGS parts_to_delay_insert = 1, parts_to_throw_insert = 1"
    )
    client.execute("SYSTEM STOP MERGES t")
    client.execute("INSERT INTO t VALUES", [(1,)])
    with pytest.raises(ServerException) as caught:
        client.execute("INSERT INTO t VALUES", [(2,)])
    assert caught.value.code == 252
    assert client.execute("SELECT n FROM t") == [(1,)]


def test_a_client_that_fails_while_sending_leaves_nothing(client: Client, numbers: str) -> None:
    def rows() -> Iterator[tuple[int]]:
        yield from ((n,) for n in range(1000))
        raise ValueError("the client's own")

    with pytest.raises(ValueError, match="the client's own"):
        client.execute(f"INSERT INTO {numbers} VALUES", rows(), settings={"insert_block_size": 100})
    assert client.execute(f"SELECT count() FROM {numbers}") == [(0,)]


def test_a_connection_lost_before_the_end_leaves_nothing(
    client: Client, raw: Any, numbers: str
) -> None:
    raw.hello()
    raw.query(f"INSERT INTO {numbers} (n) VALUES")
    raw.data(block_of(1, 2, 3))
    assert raw.read_packet() == 1
    raw.close()
    assert client.execute("INSERT INTO t VALUES", [(9,)]) == 1
    assert client.execute(f"SELECT n FROM {numbers}") == [(9,)]


def test_a_block_may_come_in_several_frames(client: Client, raw: Any, numbers: str) -> None:
    raw.hello()
    raw.query(f"INSERT INTO {numbers} (n) VALUES")
    for start in (0, 100):
        raw.data(block_of(*range(start, start + 100)), frame_bytes=64)
    raw.data(b"\x00\x00")
    assert [raw.read_packet(), raw.read_packet()] == [1, 5]
    assert client.execute(f"SELECT count(), sum(n) FROM {numbers}") == [(200, 19900)]


def test_cancel_between_blocks_leaves_nothing(client: Client, raw: Any, numbers: str) -> None:
    raw.hello()
    raw.query(f"INSERT INTO {numbers} (n) VALUES")
    raw.data(block_of(1, 2, 3))
    assert raw.read_packet() == 1
    raw.send(b"\x03")
    assert raw.expect_exception() == 394
    assert client.execute(f"SELECT count() FROM {numbers}") == [(0,)]
