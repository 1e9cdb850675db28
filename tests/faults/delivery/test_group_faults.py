"""Writers come, go, stand still and come back while agents send."""

from delivery_path import DeliveryPath, stopped
from fleet import wait_until
from tcp_proxy import TcpProxy


def test_a_zombie_whose_insert_arrives_late_stores_nothing_twice(path: DeliveryPath) -> None:
    """A writer stands still in the middle of an INSERT; another takes over; the first goes on.

    The rows that the first one sent reach ClickHouse after the second has stored them, and the
    first wakes up believing that its partitions are its own.
    """
    with TcpProxy(path.ports.engine) as proxy:
        through_proxy = {"url": f"clickhouse://127.0.0.1:{proxy.port}"}
        with path.writer(clickhouse=through_proxy) as zombie, path.ledger("zombie") as ledger:
            ledger.wait_acknowledged(600)
            with proxy.holding_inserts():
                wait_until(lambda: proxy.inserts_held >= 2, "INSERTs are on their way")
                ledger.stop()
                with stopped(zombie.service.pid), path.writer():
                    path.wait_written()
                    assert path.check(ledger).faults == {}
            assert zombie.service.process.poll() is None
            wait_until(lambda: zombie.assignments >= 2, "the zombie is back")
            path.wait_written()
    assert path.check(ledger).faults == {}


def test_a_writer_that_joins_and_leaves_under_load_changes_nothing(path: DeliveryPath) -> None:
    with path.writer() as first, path.ledger("join-and-leave") as ledger:
        ledger.wait_acknowledged(600)
        with path.writer() as second:
            wait_until(lambda: second.assignments >= 1, "the second has joined")
            ledger.wait_acknowledged(1_200)
        wait_until(lambda: first.assignments >= 3, "the first has all again")
        ledger.wait_acknowledged(600)
        ledger.stop()
        path.wait_written()
    assert path.check(ledger).faults == {}
