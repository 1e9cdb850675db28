"""An inserter is closed while the engine stands still, as when a drain ends at its deadline."""

import contextlib
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fleet import engine, wait_until
from rak_libs.clickhouse.connection import connect
from rak_libs.clickhouse.errors import TransientClickHouseError
from rak_libs.clickhouse.insert import Inserter
from rak_libs.model.batch import ColumnBatch
from rak_libs.model.table import Column, Table

NUMBERS = Table("numbers", (Column("n", "UInt64"),))
ROUNDS = 20


def test_closing_beside_an_insert_without_an_answer_breaks_neither(tmp_path: Path) -> None:
    """The thread of the insert closes its connection; two threads at it would fail by chance."""
    batch = ColumnBatch(1, {"n": [1]})
    with engine(tmp_path) as (settings, service), ThreadPoolExecutor(1) as threads:
        client = connect(settings, database="")
        client.execute(f"CREATE DATABASE {settings.database}")
        client.execute(f"CREATE TABLE {settings.database}.numbers (n UInt64) ENGINE = Memory")
        client.disconnect()
        for _ in range(ROUNDS):
            inserter = Inserter(settings)
            threads.submit(inserter.insert, NUMBERS, batch, {}).result()
            service.process.send_signal(signal.SIGSTOP)
            waiting = threads.submit(inserter.insert, NUMBERS, batch, {})
            wait_until(lambda under_way=inserter._inserting: under_way, "the insert is under way")  # type: ignore[misc]
            inserter.close()
            service.process.send_signal(signal.SIGCONT)
            # Cut off before it had sent anything, it connects again and may well succeed.
            with contextlib.suppress(TransientClickHouseError):
                waiting.result(timeout=30)
            inserter.close()
