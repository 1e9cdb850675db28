"""Slots that do not fit into the engine's memory are computed in parts."""

import re
from typing import Any

import pytest

from rak_libs.clickhouse.errors import ClickHouseError
from rak_libs.model.ledger import SUMMARY_STATES
from rak_services.derive.config import LedgerLimits
from rak_services.derive.crash_points import CrashPoints
from rak_services.derive.ledger.slots import SLOTS_AT_ONCE, Slots
from rak_services.derive.statements import MEMORY_LIMIT_EXCEEDED, Stopped

LIMITS = LedgerLimits(traces=10, retention_days=30, memory_bytes=10**9, threads=2, clustered=False)


class Engine:
    """Takes statements that compute at most a part of all keys, and remembers them."""

    def __init__(self, parts: int = 1, code: int = MEMORY_LIMIT_EXCEEDED) -> None:
        self.statements: list[str] = []
        self._parts = parts
        self._code = code

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        if "now64(3))" in sql:
            return [(1_000 + len(self.statements),)]
        if "GROUP BY" in sql and parts_of(sql) < self._parts:
            raise ClickHouseError(self._code, "too much")
        self.statements.append(sql)
        return []


def parts_of(sql: str) -> int:
    found = re.search(r"cityHash64\(.*\) % (\d+) = ", sql)
    return int(found[1]) if found else 1


def slots_of(engine: Engine, *, stopping: bool = False) -> Slots:
    return Slots(engine, LIMITS, lambda: stopping, CrashPoints())


def test_each_table_is_computed_and_then_emptied_of_what_is_no_more() -> None:
    engine = Engine()
    slots_of(engine).compute([300, 600])
    tables = [re.match(r"INSERT INTO (\w+)", sql) for sql in engine.statements]
    assert [table[1] for table in tables if table] == [
        table.name for table in SUMMARY_STATES for _ in range(2)
    ]
    assert all("IN (300, 600)" in sql for sql in engine.statements)
    for computed, emptied in zip(engine.statements[::2], engine.statements[1::2], strict=True):
        (version,) = set(re.findall(r"fromUnixTimestamp64Milli\((\d+)", computed))
        assert f"seen_until < fromUnixTimestamp64Milli({version}, 'UTC')" in emptied


def test_a_statement_that_needs_too_much_memory_is_divided() -> None:
    engine = Engine(parts=5)
    slots_of(engine).compute([300])
    of_agents = [sql for sql in engine.statements if SUMMARY_STATES[0].name in sql]
    assert [parts_of(sql) for sql in of_agents] == [16] * 16 + [1]
    assert len(set(of_agents)) == 17


def test_other_errors_are_raised() -> None:
    with pytest.raises(ClickHouseError, match="too much"):
        slots_of(Engine(parts=2, code=60)).compute([300])


def test_a_statement_is_of_a_bounded_number_of_slots() -> None:
    engine = Engine()
    slots_of(engine).compute(range(0, (SLOTS_AT_ONCE + 1) * 300, 300))
    assert len(engine.statements) == 2 * 2 * len(SUMMARY_STATES)


def test_nothing_is_begun_when_told_to_stop() -> None:
    engine = Engine()
    with pytest.raises(Stopped):
        slots_of(engine, stopping=True).compute([300])
    assert engine.statements == []
