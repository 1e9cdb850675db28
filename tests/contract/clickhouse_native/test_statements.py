"""Statements without data from the client: results, columns, settings, errors."""

from collections.abc import Callable
from typing import Any

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException


def code_of(client: Client, statement: str, settings: dict[str, Any] | None = None) -> int:
    with pytest.raises(ServerException) as caught:
        client.execute(statement, settings=settings)
    return int(caught.value.code)


def test_a_million_rows_come_out(connect: Callable[..., Client], options: dict[str, Any]) -> None:
    client = connect(options)
    numbers, texts = client.execute(
        "SELECT number, toString(number) FROM numbers(1000000)", columnar=True
    )
    assert len(numbers) == 1_000_000
    assert sum(numbers) == 499_999_500_000
    assert texts[999_999] == "999999"


def test_a_result_arrives_block_by_block(client: Client) -> None:
    """The first rows are here while the engine still works on a result that has no end."""
    rows = client.execute_iter("SELECT number FROM system.numbers", chunk_size=1000)
    assert len(next(rows)) == 1000
    client.disconnect()


@pytest.mark.parametrize(
    ("statement", "columns"),
    [
        ("SELECT 1 AS a, 'x' AS b WHERE 0", [("a", "UInt8"), ("b", "String")]),
        ("SELECT 1 AS a LIMIT 0 -- nothing", [("a", "UInt8")]),
        ("SELECT 1 AS a LIMIT 0 FORMAT JSON;", [("a", "UInt8")]),
        ("(SELECT 1 AS a WHERE 0) UNION ALL (SELECT 2 LIMIT 0)", [("a", "UInt8")]),
        ("WITH 1 AS one SELECT one AS a WHERE 0 SETTINGS max_threads = 1", [("a", "UInt8")]),
        ("SELECT a FROM (SELECT [] AS a) WHERE 0", [("a", "Array(Nothing)")]),
        ("SHOW DATABASES LIKE 'no such database'", [("name", "String")]),
    ],
)
def test_an_empty_result_has_columns(
    connect: Callable[..., Client],
    options: dict[str, Any],
    statement: str,
    columns: list[tuple[str, str]],
) -> None:
    assert connect(options).execute(statement, with_column_types=True) == ([], columns)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1 AS a",
        "SELECT 1 AS a FORMAT JSON",
        "SELECT 1 AS a FORMAT JSONEachRow SETTINGS max_threads = 1;",
        "/* comment; */ SELECT 1 AS a -- FORMAT JSON",
        "FROM system.one SELECT 1 AS a",
        "SELECT 1 AS a FROM (SELECT 'FORMAT JSON; SELECT')",
    ],
)
def test_the_format_is_the_clients_business(client: Client, statement: str) -> None:
    rows = client.execute(statement, with_column_types=True)
    assert rows == ([(1,)], [("a", "UInt8")])


def test_a_result_of_types_that_few_know_has_columns(client: Client) -> None:
    """The engine is asked for them where a type does not tell how long its column is."""
    found = client.execute(
        "SELECT toIntervalDay(number) AS i, 'x' AS t FROM numbers(2)", with_column_types=True
    )
    assert found == ([(0, "x"), (1, "x")], [("i", "IntervalDay"), ("t", "String")])


def test_a_result_has_its_column_names_even_when_they_repeat(client: Client) -> None:
    _, columns = client.execute("SELECT 1 AS a, t.* FROM (SELECT 2 AS a) AS t", None, True)
    assert [type_name for _, type_name in columns] == ["UInt8", "UInt8"]


@pytest.mark.parametrize("statement", ["EXPLAIN SELECT 1", "DESCRIBE system.one", "SHOW DATABASES"])
def test_small_answers_have_rows_and_columns(client: Client, statement: str) -> None:
    rows, columns = client.execute(statement, with_column_types=True)
    assert rows
    assert columns


def test_ddl_and_inserts_of_the_servers_own_end_the_stream(client: Client) -> None:
    assert client.execute("CREATE TABLE t (n UInt64, s String) ENGINE = MergeTree ORDER BY n") == []
    assert client.execute("INSERT INTO t (n, s) VALUES (1, 'a;b'), (2, '(')") == []
    assert client.execute("INSERT INTO t SELECT number, 'x' FROM numbers(10, 3)") == []
    assert client.execute("INSERT INTO t (n) (SELECT 20)") == []
    assert client.execute("""INSERT INTO t FORMAT JSONEachRow {"n": 30, "s": "j"}""") == []
    assert (
        client.execute("ALTER TABLE t UPDATE s = 'u' WHERE n = 1 SETTINGS mutations_sync = 1") == []
    )
    assert client.execute("OPTIMIZE TABLE t FINAL") == []
    rows = client.execute("SELECT n, s FROM t ORDER BY n")
    assert rows == [
        (1, "u"), (2, "("), (10, "x"), (11, "x"), (12, "x"), (20, ""), (30, "j")
    ]  # fmt: skip
    assert client.execute("TRUNCATE TABLE t") == []


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("SELECT nonsense", 47),
        ("SELECT * FROM no_such_table", 60),
        ("SELECT * FROM no_such_database.t", 81),
        ("SELEC 1", 62),
        ("SELECT 1; SELECT 2", 62),
        ("CREATE TABLE a (n UInt8) ENGINE = Memory; DROP TABLE a", 62),
        ("SELECT throwIf(number = 70000) FROM numbers(100000)", 395),
        ("SELECT 1 SETTINGS no_such_setting = 1", 115),
        ("INSERT INTO no_such_table SELECT 1", 60),
    ],
)
def test_an_error_has_clickhouses_code(client: Client, statement: str, code: int) -> None:
    assert code_of(client, statement) == code
    assert client.execute("SELECT 1") == [(1,)]


def test_an_error_has_clickhouses_text_and_name(client: Client) -> None:
    with pytest.raises(ServerException, match=r"DB::Exception: .*nonsense.*UNKNOWN_IDENTIFIER"):
        client.execute("SELECT nonsense")


def test_an_error_text_that_is_not_utf8_still_has_its_code(client: Client) -> None:
    assert code_of(client, r"SELECT throwIf(1, '\xff\xfe')") == 395


def test_settings_of_a_query_apply_to_it_and_to_no_other(client: Client) -> None:
    question = "SELECT getSetting('max_threads'), getSetting('async_insert')"
    before = client.execute(question)
    assert client.execute(question, settings={"max_threads": 3, "async_insert": 0}) == [(3, False)]
    assert client.execute(question, settings={"max_threads": 1}) == [(1, before[0][1])]
    assert client.execute(question) == before


def test_a_set_statement_lasts_for_the_connection(client: Client) -> None:
    question = "SELECT getSetting('max_threads')"
    client.execute("SET max_threads = 5")
    assert client.execute(question) == [(5,)]
    assert client.execute(question, settings={"max_threads": 1}) == [(1,)]
    assert client.execute(question) == [(5,)]


def test_limits_sent_as_settings_are_enforced(client: Client) -> None:
    numbers = "SELECT number FROM numbers(100)"
    assert code_of(client, numbers, {"max_result_rows": 10}) == 396
    assert len(client.execute(numbers, settings={"max_result_rows": 100})) == 100
    assert code_of(client, "SELECT count() FROM system.numbers", {"max_execution_time": 0.1}) == 159
    hungry = "SELECT length(groupArray(number)) FROM numbers(10000000)"
    assert code_of(client, hungry, {"max_memory_usage": 1_000_000}) == 241
    assert code_of(client, numbers, {"max_rows_to_read": 10}) == 158


def test_a_read_only_query_leaves_the_connection_writable(client: Client) -> None:
    client.execute("CREATE TABLE t (n UInt8) ENGINE = Memory")
    client.execute("SET max_threads = 5")
    read_only = {"readonly": 1, "max_result_rows": 1}
    assert client.execute("SELECT getSetting('max_threads')", settings=read_only) == [(5,)]
    assert client.execute("SELECT currentDatabase()", settings=read_only)[0][0].startswith("test_")
    assert client.execute("INSERT INTO t VALUES", [(1,)]) == 1
    assert code_of(client, "INSERT INTO t SELECT 2", {"readonly": 1}) == 164


def test_a_connection_may_make_itself_read_only(client: Client) -> None:
    client.execute("SET readonly = 1")
    assert client.execute("SELECT 1") == [(1,)]
    assert code_of(client, "CREATE TABLE t (n UInt8) ENGINE = Memory") == 164


def test_unknown_settings_are_refused(client: Client, embedded_only: None) -> None:
    """A full ClickHouse skips unknown settings that are not marked important: typos go unseen."""
    assert code_of(client, "SELECT 1", {"no_such_setting": 1}) == 115
    assert code_of(client, "SELECT 1", {"max_threads = 1, readonly": 1}) == 115
    assert client.execute("SELECT 1") == [(1,)]


def test_a_setting_value_may_hold_anything(client: Client, embedded_only: None) -> None:
    comment = "it's \\ 'quoted'\n, readonly = 1"
    client.execute("SELECT 1", settings={"insert_deduplication_token": comment})
    question = "SELECT getSetting('insert_deduplication_token')"
    assert client.execute(question, settings={"insert_deduplication_token": comment}) == [
        (comment,)
    ]


def test_a_running_statement_is_found_by_its_query_id(client: Client, embedded_only: None) -> None:
    """The engine picks its own ids; the client's is kept in log_comment."""
    rows = client.execute(
        "SELECT Settings['log_comment'] FROM system.processes", query_id="the-id-of-a-client"
    )
    assert [row[0].partition("@")[0] for row in rows] == ["the-id-of-a-client"]


def test_the_database_of_the_connection_is_used(client: Client, database: str) -> None:
    assert client.execute("SELECT currentDatabase()") == [(database,)]
    client.execute("USE system")
    assert client.execute("SELECT currentDatabase()") == [("system",)]


def test_temporary_tables_live_as_long_as_the_connection(client: Client) -> None:
    client.execute("CREATE TEMPORARY TABLE scratch (n UInt8)")
    client.execute("INSERT INTO scratch VALUES", [(1,), (2,)])
    assert client.execute("SELECT sum(n) FROM scratch") == [(3,)]
