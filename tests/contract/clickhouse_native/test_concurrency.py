"""Connections do not wait for each other, and a statement nobody waits for is stopped."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from clickhouse_driver import Client
from clickhouse_driver.errors import ServerException

import fleet

ENDLESS = "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(number)"


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def running(client: Client, marker: str) -> int:
    """How many statements run whose text holds `marker`."""
    question = "SELECT count() FROM system.processes WHERE position(query, %(marker)s) > 0"
    # The question holds the marker too: it counts itself.
    return int(client.execute(question, {"marker": marker})[0][0]) - 1


def wait_for_start(client: Client, marker: str) -> None:
    fleet.wait_until(lambda: running(client, marker) == 1, "the statement runs")


def wait_for_end(client: Client, marker: str) -> None:
    fleet.wait_until(lambda: running(client, marker) == 0, "the statement has ended", seconds=10)


def outcome(result: "Future[Any]") -> BaseException | None:
    return result.exception(timeout=20)


def test_a_long_select_does_not_hold_up_an_insert(
    client: Client, connect: Callable[..., Client], threads: ThreadPoolExecutor
) -> None:
    client.execute("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
    reader = connect()
    result = threads.submit(reader.execute, f"{ENDLESS} AND 'long_select' != ''")
    wait_for_start(client, "long_select")
    assert client.execute("INSERT INTO t VALUES", [(n,) for n in range(1000)]) == 1000
    assert client.execute("SELECT count() FROM t") == [(1000,)]
    assert not result.done()
    reader.connection.socket.shutdown(2)
    assert outcome(result) is not None
    wait_for_end(client, "long_select")


def test_a_client_that_leaves_stops_its_statement(client: Client, raw: Any, database: str) -> None:
    raw.hello()
    raw.query(f"{ENDLESS} AND 'left_alone' != ''")
    wait_for_start(client, "left_alone")
    raw.close()
    wait_for_end(client, "left_alone")


def test_a_client_that_leaves_stops_a_statement_without_a_result(
    client: Client, raw: Any, database: str
) -> None:
    client.execute("CREATE TABLE t (n UInt64) ENGINE = MergeTree ORDER BY n")
    raw.hello(database)
    raw.query(f"INSERT INTO t {ENDLESS} AND 'insert_select' != ''")
    wait_for_start(client, "insert_select")
    raw.close()
    wait_for_end(client, "insert_select")


def test_a_client_that_leaves_in_the_middle_of_a_result_stops_it(
    client: Client, connect: Callable[..., Client]
) -> None:
    reader = connect()
    rows = reader.execute_iter("SELECT number, 'half_read' FROM system.numbers", chunk_size=10)
    assert next(rows)
    assert running(client, "half_read") == 1
    reader.disconnect()
    wait_for_end(client, "half_read")


def test_cancel_ends_the_stream_and_keeps_the_connection(
    client: Client, raw: Any, database: str
) -> None:
    raw.hello()
    raw.query(f"{ENDLESS} AND 'to_cancel' != ''")
    wait_for_start(client, "to_cancel")
    raw.send(b"\x03")
    packets = [raw.read_packet()]
    while packets[-1] == 1:
        packets.append(raw.read_packet())
    assert packets[-1] == 5
    wait_for_end(client, "to_cancel")
    raw.query("SELECT 1")
    assert [raw.read_packet(), raw.read_packet(), raw.read_packet()] == [1, 1, 5]


def test_cancel_right_behind_the_query_stops_it(client: Client, raw: Any) -> None:
    raw.hello()
    sent: list[bytes] = []
    at_once = raw.socket.sendall
    raw.send = lambda *parts: sent.extend(parts)
    raw.query(f"{ENDLESS} AND 'hasty' != ''")
    at_once(b"".join([*sent, b"\x03"]))
    while (packet := raw.read_packet()) == 1:
        pass
    assert packet == 5
    wait_for_end(client, "hasty")


def test_the_driver_can_cancel(connect: Callable[..., Client], client: Client) -> None:
    reader = connect()
    reader.execute_with_progress("SELECT number, 'by_driver' FROM system.numbers")
    wait_for_start(client, "by_driver")
    reader.cancel()
    wait_for_end(client, "by_driver")


def test_kill_query_reaches_the_client(
    client: Client, connect: Callable[..., Client], threads: ThreadPoolExecutor
) -> None:
    victim = connect()
    result = threads.submit(victim.execute, f"{ENDLESS} AND 'to_kill' != ''")
    wait_for_start(client, "to_kill")

    def kill() -> bool:
        """Again and again: the first may hit the server while it looks up the columns."""
        client.execute("KILL QUERY WHERE query LIKE '%to_kill%' AND query NOT LIKE 'KILL%'")
        return result.done()

    fleet.wait_until(kill, "the statement is killed")
    error = outcome(result)
    assert isinstance(error, ServerException)
    assert error.code == 394


def test_a_cancelled_query_does_not_slow_the_next(client: Client, raw: Any) -> None:
    """A kill that comes late must not hit the statement after it."""
    raw.hello()
    for _ in range(10):
        raw.query("SELECT sleepEachRow(0.01) FROM numbers(3)")
        raw.send(b"\x03")
        while (packet := raw.read_packet()) == 1:
            pass
        assert packet == 5
        raw.query("SELECT 1")
        assert [raw.read_packet(), raw.read_packet(), raw.read_packet()] == [1, 1, 5]


def test_many_clients_work_at_once(
    client: Client, connect: Callable[..., Client], threads: ThreadPoolExecutor
) -> None:
    client.execute("CREATE TABLE t (c UInt32, n UInt64) ENGINE = MergeTree ORDER BY n")
    clients = [connect() for _ in range(16)]
    begin = threading.Barrier(len(clients))

    def work(number: int) -> int:
        begin.wait(timeout=20)
        for turn in range(5):
            rows = [(number, turn * 100 + n) for n in range(100)]
            clients[number].execute("INSERT INTO t VALUES", rows, settings={"max_threads": 1})
        mine = {"number": number}
        found = clients[number].execute("SELECT count() FROM t WHERE c = %(number)s", mine)
        return int(found[0][0])

    with ThreadPoolExecutor(len(clients)) as pool:
        assert list(pool.map(work, range(len(clients)))) == [500] * len(clients)
    assert client.execute("SELECT count() FROM t") == [(8000,)]


def test_connections_come_and_go(client: Client, connect: Callable[..., Client]) -> None:
    for _ in range(50):
        passing = connect()
        assert passing.execute("SELECT 1") == [(1,)]
        passing.disconnect()
    assert client.execute("SELECT 1") == [(1,)]
