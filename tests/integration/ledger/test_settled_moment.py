"""Up to which moment rows can be seen while INSERTs are running."""

import threading
import time

import fleet
from rak_libs.clickhouse.insert import Inserter
from rak_libs.runtime.settings import Config
from rak_services.derive.progress import settled_moment

SLOWLY = "SELECT {value} FROM numbers(4) WHERE sleepEachRow(0.5) = 0 SETTINGS max_block_size = 1"


def behind_while(config: Config, inserter: Inserter, insert: str) -> int:
    """How far behind now the moment is, in milliseconds, when an INSERT has run for a second."""

    def work() -> None:
        own = Inserter(config.clickhouse)
        own.execute(insert)
        own.close()

    def running() -> bool:
        ((longest,),) = inserter.execute(
            "SELECT max(elapsed) FROM system.processes WHERE query_kind = 'Insert'"
        )
        return bool(longest > 1)

    thread = threading.Thread(target=work)
    thread.start()
    fleet.wait_until(running, "the INSERT has run for a second")
    behind = time.time_ns() // 10**6 - settled_moment(inserter, clustered=False)
    thread.join()
    return behind


def test_an_insert_of_spans_is_waited_for(migrated: Config, inserter: Inserter) -> None:
    values = SLOWLY.format(value="now64(9)")
    assert behind_while(migrated, inserter, f"INSERT INTO spans (timestamp) {values}") > 900


def test_an_insert_of_derived_rows_is_not(migrated: Config, inserter: Inserter) -> None:
    """A long one would hold all others back."""
    values = SLOWLY.format(value="now()")
    assert behind_while(migrated, inserter, f"INSERT INTO ledger (slot) {values}") < 900
